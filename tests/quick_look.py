"""What tests of `import nstd` paint with: a small style and network, in folders of their own."""

from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from tests.clips import picture
from tests.networks import make_quarter_network

SIZE = (64, 48)


def quick_look(folder: Path, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options for a fast painting; `folder` becomes the working folder, and holds all that is left.

    Args:
        folder: An empty one.
        patch: Puts the working folder and the environment back.
    """
    patch.chdir(folder)
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    PIL.Image.fromarray(picture(7, SIZE)).save("style.png")
    network = make_quarter_network(folder / "n.safetensors", 0, (2, 2, 4, 4, 4), readout=False)
    return {
        "style": "style.png",
        "network": network,
        "levels": "48:2",
        "threads": 1,
        "device": "cpu",
    }
