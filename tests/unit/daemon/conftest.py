"""A configuration with one watched folder, and a ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nstd.config import Config
from nstd.ledger.store import JobStore
from tests.jobs import small_config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return small_config(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        yield store
