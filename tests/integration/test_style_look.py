"""The look, with a real network, a real photograph and a real painting."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity
from torch import Tensor

from nstd.style.canvas import resize
from nstd.style.ladder import Level
from nstd.style.network import Network
from nstd.style.optimize import Iterate, Painter, stylize_frame
from nstd.style.recipe import StyleRecipe, StyleSource
from nstd.style.targets import MemoryStore, StyleImage
from nstd.weights.canonical import load_weights
from tests.threads import one_thread
from tests.unit.style.tiny import floats

__all__ = ["one_thread"]


def read(path: Path) -> Tensor:
    """A picture as `[1, 3, height, width]` in [0, 1]."""
    with Image.open(path) as image:
        array = np.asarray(image.convert("RGB"), np.float32) / 255
    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous()


@pytest.fixture(scope="module")
def network(shared: Path) -> Network:
    weights = load_weights(shared / "networks" / "compressed_vgg19.safetensors")
    return Network(weights.tensors, deepest="conv5_1").to("cpu", torch.float32)


@pytest.fixture(scope="module")
def painting(shared: Path) -> Tensor:
    return read(shared / "media" / "styles" / "starry_night.jpg")


@pytest.fixture(scope="module")
def photograph(shared: Path) -> Tensor:
    return read(shared / "media" / "astronaut.png")


@pytest.fixture
def paint(network: Network, painting: Tensor, photograph: Tensor) -> Any:
    def painted(edge: int, frame: Tensor | None = None, **changes: Any) -> list[Iterate]:
        """Iterates of `frame`, or of the photograph at `edge` × `edge` pixels."""
        frame = resize(photograph, edge, edge) if frame is None else frame
        recipe = StyleRecipe(styles=(StyleSource(image="starry_night.jpg"),), **changes)
        styles = (StyleImage(painting, "starry night"),)
        painter = Painter(recipe, network, "compressed", styles, MemoryStore())
        return list(stylize_frame(painter, frame))

    return painted


def similarity(one: Tensor, other: Tensor) -> float:
    """SSIM of two pictures, by scikit-image."""
    a, b = (image[0].permute(1, 2, 0).double().numpy() for image in (one, other))
    found = structural_similarity(a, b, channel_axis=2, data_range=1.0)  # type: ignore[no-untyped-call] # scikit-image has no types
    return float(found)


def test_the_photograph_takes_the_painting_s_look_and_stays_the_photograph(paint: Any) -> None:
    iterates = paint(128, levels=(Level(128, 25),))
    before, after = floats(iterates[0].losses), floats(iterates[-1].losses)
    # From 25 steps on; the published figure at 320 × 240 is 0.001 after 50 steps, from about 1.
    assert after["style"] < before["style"] / 20
    # The content changed by less than itself, which noise would not do.
    assert 0 < after["content"] < 1
    result = iterates[-1].image
    assert result.isfinite().all()
    assert float((result - iterates[0].image).abs().mean()) > 0.03  # 8 code values: visible


def test_a_larger_picture_has_the_look_of_the_smaller(paint: Any, photograph: Tensor) -> None:
    coarse = Level(64, 30)
    frame = resize(photograph, 128, 128)
    small = paint(64, resize(frame, 64, 64), levels=(coarse,))[-1].image
    large = paint(128, frame, levels=(coarse, Level(128, 8)))[-1].image
    direct = paint(128, frame, levels=(Level(128, 20),))[-1].image
    kept = similarity(resize(large, 64, 64), small)
    lost = similarity(resize(direct, 64, 64), small)
    # A level that is twice as large only refines; run directly, the strokes are other ones. Found:
    # 0.79 and 0.48. Float32 steps are chaotic, so other processors may differ by some hundredths.
    assert kept >= 0.7
    assert kept > lost + 0.15


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_default_recipe_looks_the_same_at_256_and_1024_px(
    paint: Any, photograph: Tensor
) -> None:
    # One photograph of 512 px, painted at two sizes. Both have the same coarsest level, to the bit:
    # pixels that differ by 1e-6 give another painting of the same kind, whose SSIM with the first
    # is 0.64 (float32 is chaotic).
    small = paint(512, photograph, size=256)[-1].image
    large = paint(512, photograph, size=1024)[-1].image
    assert small.shape == (1, 3, 256, 256)
    assert large.shape == (1, 3, 1024, 1024)
    # What is promised; found: 0.86. Directly at each size it is 0.27 to 0.55.
    assert similarity(resize(large, 256, 256), small) >= 0.75
