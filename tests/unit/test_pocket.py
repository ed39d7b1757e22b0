"""The network that ships: its file is what it is said to be, and it paints."""

import pytest
import torch

from nstd.style.ladder import Level
from nstd.style.network import Network
from nstd.style.optimize import Painter, stylize_frame
from nstd.style.recipe import STYLE_LAYERS, StyleRecipe, StyleSource
from nstd.style.targets import MemoryStore, StyleImage
from nstd.weights.canonical import NetworkWeights, load_weights
from nstd.weights.catalog import find_weights
from tests.unit.style import tiny
from tests.unit.style.tiny import floats

MOST_BYTES = 2_500_000
FULL_WIDTHS = {
    "conv1_1": 64, "conv2_1": 128, "conv3_1": 256, "conv4_1": 512, "conv4_2": 128, "conv5_1": 512,
}  # fmt: skip
"""Of the teacher; its conv4_2 has no readout into VGG-19's space."""


@pytest.fixture(scope="module")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> NetworkWeights:
    # From an empty cache: it comes with the package, and its hash is looked at on the way.
    return load_weights(find_weights("pocket", tmp_path_factory.mktemp("cache")))


def test_it_is_a_quarter_of_vgg19_in_half_precision_with_the_metric_in_single(
    pocket: NetworkWeights,
) -> None:
    assert pocket.path.stat().st_size <= MOST_BYTES
    network = Network(pocket.tensors, deepest="conv5_1")
    widths = [pocket.tensors[f"{layer}.bias"].shape[0] for layer in network.layers]
    assert widths == [16] * 2 + [32] * 2 + [64] * 4 + [128] * 5
    for name, tensor in pocket.tensors.items():
        half = name.startswith("conv")
        assert tensor.dtype in ((torch.float16,) if half else (torch.float32, torch.int32)), name
    assert {layer: network.full_width(layer) for layer in FULL_WIDTHS} == FULL_WIDTHS
    for layer in FULL_WIDTHS:
        factor = network.metric_factor(layer)
        assert factor is not None
        channels = pocket.tensors[f"{layer}.bias"].shape[0]
        assert factor.shape[1] == channels + 1
        # Most directions of the activations are seen. Not all: the teacher's own space of 128
        # channels at conv2_1 has 27 dimensions.
        assert torch.linalg.matrix_rank(factor[:, :-1]) > channels / 2


def test_its_features_are_alive_at_every_layer(pocket: NetworkWeights) -> None:
    network = Network(pocket.tensors, deepest="conv5_1")
    features = network.features(tiny.picture(0, 64, 64, count=4).float(), network.layers)
    for layer, activations in features.items():
        assert activations.isfinite().all()
        used = (activations.amax(dim=(0, 2, 3)) > 0).float().mean()
        assert used > 0.5, layer  # of four pictures: found 0.7 and more


def test_it_paints(pocket: NetworkWeights) -> None:
    recipe = StyleRecipe(styles=(StyleSource(image="a.png"),), levels=(Level(64, 12),))
    style = StyleImage(tiny.picture(5, 64, 64).float(), "a")
    network = Network(pocket.tensors, deepest="conv5_1")
    painter = Painter(recipe, network, pocket.sha256, (style,), MemoryStore())
    iterates = list(stylize_frame(painter, tiny.picture(0, 48, 64).float()))
    before, after = (floats(iterates[i].losses)["style"] for i in (0, -1))
    assert after < before / 3
    assert set(STYLE_LAYERS) <= set(network.layers)
