"""The network: VGG-19's topology, only as deep as needed, without a border, true to its weights."""

import numpy as np
import pytest
import torch

from nstd.errors import WeightsError
from nstd.style.network import Network
from nstd.style.recipe import LAYERS, Padding, Pooling
from tests import networks, reference
from tests.unit.style import tiny


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_every_layer_is_that_of_the_reference(padding: Padding, pooling: Pooling) -> None:
    tensors = tiny.tiny_tensors(deepest="conv5_4")
    image = tiny.picture(0, 37, 48)  # an odd edge: pooling drops its last row
    net = Network(tensors, deepest="conv5_4", pooling=pooling, padding=padding)
    found = net.to("cpu", torch.float64).features(image, LAYERS)
    expected = reference.activations(
        tiny.arrays(tensors), image[0].numpy(), padding=padding, pooling=pooling
    )
    for layer in LAYERS:
        # Float64 through at most 16 layers of some 90 products each.
        np.testing.assert_allclose(
            found[layer][0].flatten(1).numpy(), expected[layer], rtol=1e-10, atol=1e-13
        )


def test_it_agrees_with_torchvision_s_way_of_running_a_state_dict() -> None:
    tensors = tiny.tiny_tensors(identity=False, deepest="conv5_4")
    image = tiny.picture(0, 48, 40).float()
    found = Network(tensors, deepest="conv5_4").features(image, LAYERS)
    expected = networks.activations(tensors, image)
    for layer in LAYERS:
        # Float32: 1e-7 a layer, of activations of order 1.
        torch.testing.assert_close(found[layer], expected[layer], rtol=1e-4, atol=1e-5)


def test_folded_preprocessing_is_the_preprocessing_applied_first() -> None:
    tensors = tiny.tiny_tensors(identity=False, deepest="conv1_2")
    tensors["preprocess.weight"] = tensors["preprocess.weight"].flip(0) * 255  # BGR in 0…255
    image = tiny.picture(0, 8, 9)
    net = Network(tensors, deepest="conv1_2").to("cpu", torch.float64)
    found = net.features(image, ["conv1_2"])["conv1_2"][0].flatten(1).numpy()
    expected = reference.activations(tiny.arrays(tensors), image[0].numpy())["conv1_2"]
    # The folded weights are rounded to float32 once: 6e-8 of the largest activation, over 27
    # products and a second layer.
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_a_picture_of_one_color_has_no_border(padding: Padding, pooling: Pooling) -> None:
    net = Network(tiny.tiny_tensors(), deepest="conv5_1", pooling=pooling, padding=padding)
    image = torch.tensor([0.2, 0.5, 0.7], dtype=torch.float64)[:, None, None].expand(1, 3, 48, 64)
    for x in net.to("cpu", torch.float64).features(image, net.layers).values():
        spread = x.amax(dim=(2, 3)) - x.amin(dim=(2, 3))
        # Equal sums; only a kernel that sums its edges in another order could round otherwise.
        assert float(spread.max()) < 1e-12


def test_nothing_past_the_deepest_layer_is_kept() -> None:
    whole = tiny.tiny_tensors(deepest="conv5_4")
    cut = tiny.tiny_tensors(deepest="conv4_2")
    image = tiny.picture(0, 32, 32).float()
    of_whole, of_cut = (Network(tensors, deepest="conv4_2") for tensors in (whole, cut))
    assert of_whole.layers == of_cut.layers == LAYERS[:10]
    assert not any(name.startswith(("conv4_3", "conv5")) for name in of_whole._parameters)
    assert torch.equal(
        of_whole.features(image, ["conv4_2"])["conv4_2"],
        of_cut.features(image, ["conv4_2"])["conv4_2"],
    )


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_weights_that_end_early_are_an_error_that_names_what_is_missing(part: str) -> None:
    tensors = tiny.tiny_tensors()
    del tensors[f"conv4_1.{part}"]
    Network(tensors, deepest="conv3_4")
    with pytest.raises(
        WeightsError, match=f"do not reach conv5_1: there is no conv4_1.{part}"
    ) as e:
        Network(tensors, deepest="conv5_1")
    assert "Choose shallower layers" in str(e.value)


def test_the_callers_weights_are_left_as_they_were() -> None:
    tensors = tiny.tiny_tensors(identity=False, readout=True)
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    net = Network(tensors, deepest="conv5_1").to("cpu", torch.float64)
    net.features(tiny.picture(0, 32, 32), ["conv5_1"])
    assert all(torch.equal(before[name], tensors[name]) for name in tensors)


def test_weights_stored_in_half_precision_are_computed_in_float32() -> None:
    tensors = {name: t.half() for name, t in tiny.tiny_tensors(readout=True).items()}
    net = Network(tensors, deepest="conv5_1")
    assert net.dtype == torch.float32
    assert net.device == torch.device("cpu")
    assert net.features(tiny.picture(0, 32, 32).float(), ["conv5_1"])["conv5_1"].isfinite().all()


def test_the_metric_stays_in_float32_where_the_network_is_narrower() -> None:
    net = Network(tiny.tiny_tensors(readout=True), deepest="conv5_1").to("cpu", torch.bfloat16)
    factor = net.metric_factor("conv3_1")
    assert net.dtype == torch.bfloat16
    assert factor is not None
    assert factor.dtype == torch.float32
