"""Small networks in files, and an empty cache."""

from pathlib import Path

import pytest

from tests.networks import make_quarter_network, make_torchvision_vgg19

WIDTHS = (4, 6, 8, 10, 12)
"""Small, and all different, so that a mistaken order cannot fit."""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return make_quarter_network(tmp_path / "network.safetensors", widths=WIDTHS)


@pytest.fixture
def torchvision_file(tmp_path: Path) -> Path:
    return make_torchvision_vgg19(tmp_path / "tv.pth", widths=WIDTHS)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"
