"""A fresh home for the program, a small network and a style."""

from pathlib import Path

import PIL.Image
import pytest

from tests.clips import picture
from tests.e2e.program import TINY, Program
from tests.networks import make_quarter_network

WIDTHS = (4, 4, 8, 8, 8)
"""Of the network's blocks: what it paints does not matter here, how long it takes does."""


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file."""
    return make_quarter_network(tmp_path_factory.mktemp("network") / "tiny.safetensors", 0, WIDTHS)


@pytest.fixture(scope="session")
def style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style image."""
    path = tmp_path_factory.mktemp("style") / "style.png"
    PIL.Image.fromarray(picture(7, (64, 48))[:, ::-1].copy()).save(path)
    return path


def make_home(home: Path, network: Path, style: Path) -> Program:
    """A home whose configuration has one recipe, `tiny`, and segments of four frames."""
    program = Program(home)
    program.configure(
        network=str(network), recipes={"tiny": {"styles": str(style), **TINY}}, segment_frames=4
    )
    return program


@pytest.fixture
def program(tmp_path: Path, network: Path, style: Path) -> Program:
    """The program with a fresh home; see `make_home`."""
    return make_home(tmp_path / "home", network, style)
