"""A recipe on its device, ready to paint."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from nstd.errors import UnreadableError, WeightsError
from nstd.files import file_sha256
from nstd.flow import Estimator, choose_estimator
from nstd.media.pictures import read_style_image
from nstd.painting.pictures import to_tensor
from nstd.painting.plan import ExecutionPlan
from nstd.style.device import device_errors
from nstd.style.network import Network
from nstd.style.optimize import Painter
from nstd.style.recipe import LAYERS, StyleRecipe, StyleSource
from nstd.style.targets import StyleImage, TensorStore
from nstd.weights.canonical import load_weights
from nstd.weights.catalog import weights_folder


class Told:
    """A store that says so when it lacks something, which is then computed.

    Args:
        behind: The store.
        doing: Told what is about to be done.
    """

    def __init__(self, behind: TensorStore, doing: Callable[[str], object]) -> None:
        self._behind, self._doing = behind, doing

    def get(self, key: str) -> dict[str, torch.Tensor] | None:
        """The tensors stored under `key`, or None."""
        found = self._behind.get(key)
        if found is None:
            self._doing("computing the style")
        return found

    def put(self, key: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Keep `tensors` under `key`."""
        self._behind.put(key, tensors)


def build_painter(
    recipe: StyleRecipe, plan: ExecutionPlan, device: torch.device, store: TensorStore
) -> Painter:
    """Make a frozen recipe ready on a device.

    Raises:
        WeightsError: The weights are not those the recipe was frozen with, or end too early.
        InputError: A style image cannot be read.
    """
    if not recipe.styles:
        return Painter(recipe, Network(_NO_WEIGHTS, deepest=LAYERS[0]), "", (), store)
    weights = load_weights(Path(recipe.network))
    if recipe.network_sha256 not in {None, weights.sha256}:
        raise WeightsError(
            f"{recipe.network} is not the network this job was queued with",
            "Queue the film again",
        )
    network = Network(
        weights.tensors,
        deepest=max((*recipe.style_layers, recipe.content_layer), key=LAYERS.index),
        pooling=recipe.pooling,
        padding=recipe.padding,
    )
    with device_errors(str(device)):
        network = network.to(device, getattr(torch, plan.dtype))
    styles = tuple(_style_image(source) for source in recipe.styles)
    return Painter(recipe, network, weights.sha256, styles, store, plan.history)


def build_estimator(
    recipe: StyleRecipe, plan: ExecutionPlan, device: torch.device, cache_dir: Path
) -> Estimator | None:
    """What finds the flow between frames; None if the recipe paints each frame for itself.

    Args:
        recipe: The look.
        plan: How it is computed.
        device: Where a network finds the flow.
        cache_dir: nstd's cache folder: the networks lie there.

    Raises:
        ConfigError: There is no estimator of that name, or it cannot be made.
        WeightsError: Its weights are missing or damaged.
    """
    if not recipe.temporal.distances:
        return None
    return choose_estimator(
        recipe.temporal.estimator,
        folder=weights_folder(cache_dir),
        device=device,
        threads=plan.threads,
    )


_NO_WEIGHTS = {
    "preprocess.weight": torch.zeros(3, 3, 1, 1),
    "preprocess.bias": torch.zeros(3),
    "conv1_1.weight": torch.zeros(1, 3, 1, 1),
    "conv1_1.bias": torch.zeros(1),
}
"""Of a network that looks at nothing, where nothing is painted."""


def _style_image(source: StyleSource) -> StyleImage:
    path = Path(source.image)
    if source.sha256 not in {None, file_sha256(path)}:
        raise UnreadableError(
            f"{path} is not the style image this job was queued with", "Queue the film again"
        )
    image = read_style_image(path)
    # The cache's key is made of the pixels: another Pillow may decode the same JPEG otherwise.
    pixels = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
    return StyleImage(to_tensor(image), pixels, source.weight, source.scale)
