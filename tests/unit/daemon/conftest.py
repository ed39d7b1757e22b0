"""A configuration with one watched folder, and a ledger."""

from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from nstd.config import Config
from nstd.ledger.store import JobStore
from tests.networks import make_quarter_network


@pytest.fixture
def config(tmp_path: Path) -> Config:
    style = tmp_path / "style.png"
    PIL.Image.new("RGB", (8, 8)).save(style)
    network = make_quarter_network(tmp_path / "n.safetensors", 0, (2, 2, 2, 2, 2), readout=False)
    (tmp_path / "in").mkdir()
    return Config.model_validate(
        {
            "state_dir": tmp_path / "state",
            "cache_dir": tmp_path / "cache",
            "devices": "cpu",
            "network": str(network),
            "recipes": {"oil": {"styles": str(style)}},
            "folders": [{"watch": tmp_path / "in", "output": tmp_path / "out", "recipe": "oil"}],
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        yield store
