"""Fixtures and guards that every test has."""

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.unprivileged import is_denied, unprivileged

if "PYTEST_XDIST_WORKER" in os.environ:
    # Halves of the suite that run at once share the cores: one thread each of torch, not all.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test is about time: on a busy machine an example takes as long as it takes.
settings.register_profile("nstd", deadline=None)
settings.load_profile("nstd")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is not installed, `art` and `training`, is tested with what is slow."""
    for item in items:
        if {"art", "training"} & set(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real films, styles and networks, where there is one.

    It is no part of the repository. `NSTD_SHARED` names it; without that, a folder `shared` beside
    the checkout is used.
    """
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("NSTD_SHARED", beside))
    if not (folder / "media").is_dir():
        pytest.skip("needs the folder of real films and networks (set NSTD_SHARED)")
    return folder


@pytest.fixture(scope="session")
def ffprobe() -> str:
    """The program ffprobe: a reader that shares no code with the writer's checks."""
    return _of_ffmpeg("ffprobe")


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """The program ffmpeg: as `ffprobe`, to decode with."""
    return _of_ffmpeg("ffmpeg")


def _of_ffmpeg(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("NSTD_EXPECT_FFMPEG"):
            pytest.fail(f"{name} is not here, and NSTD_EXPECT_FFMPEG says that it must be")
        pytest.skip(f"needs {name} (set NSTD_EXPECT_FFMPEG to make this a failure)")
    return found


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    """The program systemd-analyze: what systemd itself makes of a unit."""
    found = shutil.which("systemd-analyze")
    if found is None:
        if os.environ.get("NSTD_EXPECT_SYSTEMD"):
            pytest.fail("systemd-analyze is not here, and NSTD_EXPECT_SYSTEMD says it must be")
        pytest.skip("needs systemd-analyze (set NSTD_EXPECT_SYSTEMD to make this a failure)")
    return found


@pytest.fixture(scope="session")
def deniable() -> None:
    """There is a way to be denied something here: as an ordinary user, or within `unprivileged`."""
    with unprivileged():
        if is_denied():
            return
    if os.environ.get("CI"):
        pytest.fail("modes of files deny nothing here, and CI says that no test may skip")
    pytest.skip("modes of files deny nothing here (set CI to make this a failure)")


@pytest.fixture(autouse=True)
def _notices_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What works in a test leaves its notice there, not where the machine's others are found."""
    monkeypatch.setattr("nstd.submit.notice.RUNTIME", tmp_path / "run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command run within a test sets up logging to a stream that ends with the test."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler and handler not in before:
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _no_error_logs(
    caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> Iterator[None]:
    """No test logs an error in passing; one that means to carries the mark `logs_errors`."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    errors = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelname in {"ERROR", "CRITICAL"}
    ]
    assert not errors
