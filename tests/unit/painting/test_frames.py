"""How many threads find the flow of a film."""

import pytest

from nstd.painting import frames
from nstd.painting.frames import flow_threads
from nstd.painting.memory import Memory
from nstd.painting.plan import ExecutionPlan

HD, UHD = (1280, 720), (3840, 2160)
GIB = 1 << 30


@pytest.mark.parametrize(
    ("device", "threads", "size", "expected"),
    [
        ("cpu", 1, HD, 1),
        ("cpu", 2, HD, 1),
        ("cpu", 16, HD, 4),  # the others paint
        ("cuda", 1, HD, 1),
        ("cuda", 4, HD, 3),  # one drives the card
        ("mps", 4, HD, 3),
        ("cuda", 64, HD, 8),
        ("cuda", 64, UHD, 2),  # 4 GiB of 16, and 2.0 GB each
        ("cuda", 64, (2 * 3840, 2 * 2160), 1),
    ],
)
def test_as_many_threads_find_the_flow_as_cores_and_memory_have_to_spare(
    device: str,
    threads: int,
    size: tuple[int, int],
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frames, "host_memory", lambda: Memory(16 * GIB, 0))
    plan = ExecutionPlan(device=device, processor="any", threads=threads)
    assert flow_threads(plan, *size) == expected
