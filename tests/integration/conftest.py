"""Watched folders, and watchers of them that end with their test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nstd.intake.watcher import WatchedFolder
from nstd.ledger.store import JobStore
from tests.integration.house import House
from tests.watching import Intake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that is watched."""
    path = tmp_path / "in"
    path.mkdir()
    return path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder on the same file system that is not."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    return path


@pytest.fixture
def start() -> Iterator[Callable[..., Intake]]:
    """Starts watchers, which are stopped at the end."""
    begun: list[Intake] = []

    def begin(folder: WatchedFolder, reconcile_seconds: float = 1e6, **more: Any) -> Intake:
        # Without reconciliation, unless a test asks for it: events alone have to do.
        intake = Intake(folder, reconcile_seconds, **more)
        begun.append(intake)
        intake.watcher.start()
        return intake

    yield begin
    for intake in begun:
        intake.watcher.stop()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A film, a ledger and workers."""
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        yield House(tmp_path, store)


@pytest.fixture
def intake(start: Callable[..., Intake], root: Path) -> Intake:
    """A watcher of `root`, started."""
    return start(WatchedFolder(root))
