"""How many threads find the flow of a film."""

from pathlib import Path

import pytest

from nstd.work import sequence
from nstd.work.plan import ExecutionPlan
from nstd.work.sequence import flow_threads, machine_memory

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
        ("cuda", 64, UHD, 2),  # 4 GiB of 16, and 1.8 GB each
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
    monkeypatch.setattr(sequence, "machine_memory", lambda: 16 * GIB)
    plan = ExecutionPlan(device=device, processor="any", threads=threads)
    assert flow_threads(plan, *size) == expected


def test_the_machine_s_memory_is_what_the_kernel_says() -> None:
    facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total = int(facts["MemTotal"].removesuffix("kB")) * 1024
    assert machine_memory() == total
