"""The metric: a full network's distances from a small one's activations, by one small matrix."""

import pytest
import torch
from torch import Tensor

from nstd.errors import WeightsError
from nstd.style import losses
from nstd.style.network import Network, readout_factor
from tests.unit.style import tiny

LAYERS = ("conv1_1", "conv3_1", "conv5_1")

# The two ways differ by the rounding of a QR and of sums of a few hundred terms, about 1e-14
# relative to the Grams; differences of Grams that are of their own order keep nearly all of it.
AGREES = 1e-9


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    return tiny.tiny_tensors(readout=True)


@pytest.fixture
def net(tensors: dict[str, Tensor]) -> Network:
    return tiny.network(tensors, tiny.recipe())


def read_out(tensors: dict[str, Tensor], layer: str, features: Tensor) -> Tensor:
    """The readout at every pixel, as one would without the metric."""
    weight = tensors[f"readout.{layer}.weight"].double()
    bias = tensors[f"readout.{layer}.bias"].double()
    return torch.nn.functional.conv2d(features, weight, bias)


def style_distance(net: Network, layer: str, image: Tensor, style: Tensor) -> Tensor:
    x, s = (net.features(one, [layer])[layer] for one in (image, style))
    target = losses.second_moment(s, augmented=True)[0]
    moment = losses.second_moment(x, augmented=True)
    return losses.squared_moment_distance(moment, target, net.metric_factor(layer))


def direct_style_distance(
    tensors: dict[str, Tensor], net: Network, layer: str, image: Tensor, style: Tensor
) -> Tensor:
    x, s = (read_out(tensors, layer, net.features(one, [layer])[layer]) for one in (image, style))
    gram_x, gram_s = (one.flatten(2) @ one.flatten(2).mT / one[0, 0].numel() for one in (x, s))
    return (gram_x - gram_s).square().sum(dim=(1, 2))


def gradient(loss: Tensor, image: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss.sum(), image, retain_graph=True)
    return found


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_the_distance_is_never_negative_however_near() -> None:
    net = tiny.network(tiny.tiny_tensors(readout=True), tiny.recipe(), torch.float32)
    style = tiny.picture(2, 32, 40).float()
    generator = torch.Generator().manual_seed(0)
    for exponent in range(1, 9):
        noise = torch.randn(style.shape, generator=generator) * 10.0**-exponent
        for layer in LAYERS:
            assert float(style_distance(net, layer, style + noise, style).detach()) >= 0


def test_a_readout_to_fewer_channels_than_it_reads_is_a_metric_too() -> None:
    tensors = tiny.tiny_tensors()
    generator = torch.Generator().manual_seed(0)
    tensors["readout.conv3_1.weight"] = torch.randn(3, 8, 1, 1, generator=generator)
    tensors["readout.conv3_1.bias"] = torch.randn(3, generator=generator)
    net = tiny.network(tensors, tiny.recipe())
    image, style = tiny.picture(1, 32, 40), tiny.picture(2, 48, 32)
    found = style_distance(net, "conv3_1", image, style)
    direct = direct_style_distance(tensors, net, "conv3_1", image, style)
    assert found.tolist() == pytest.approx(direct.tolist(), rel=AGREES)


def stored(tensors: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The same network as one that ships: of each readout only the metric."""
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("readout.")}
    for name in (name for name in tensors if name.startswith("readout.") and "weight" in name):
        layer = name.split(".")[1]
        factor = readout_factor(tensors[name], tensors[f"readout.{layer}.bias"])
        kept[f"metric.{layer}.factor"] = factor.to(dtype)
        kept[f"metric.{layer}.width"] = torch.tensor(len(tensors[name]), dtype=torch.int32)
    return kept


@pytest.mark.parametrize(
    # Float32 has 24 bits: each entry of R is off by 6e-8 of itself, and a distance by a few of it.
    ("dtype", "agrees"),
    [(torch.float64, AGREES), (torch.float32, 1e-6)],
)
def test_a_stored_metric_is_as_good_as_the_readout_it_was_made_of(
    tensors: dict[str, Tensor], net: Network, dtype: torch.dtype, agrees: float
) -> None:
    small = tiny.network(stored(tensors, dtype), tiny.recipe())
    image = tiny.picture(1, 32, 40).requires_grad_()
    style = tiny.picture(2, 48, 32)
    for layer in LAYERS:
        found = style_distance(small, layer, image, style)
        direct = direct_style_distance(tensors, net, layer, image, style)
        assert found.tolist() == pytest.approx(direct.tolist(), rel=agrees)
        assert relative_error(gradient(found, image), gradient(direct, image)) < 2 * agrees
        assert small.full_width(layer) == net.full_width(layer)
    features = net.features(style, ["conv4_2"])["conv4_2"]
    found, direct = (
        losses.feature_energy(features, one.metric_factor("conv4_2")) for one in (small, net)
    )
    assert found.tolist() == pytest.approx(direct.tolist(), rel=agrees)


def test_a_stored_metric_without_its_width_is_an_error(tensors: dict[str, Tensor]) -> None:
    kept = stored(tensors, torch.float32)
    del kept["metric.conv3_1.width"]
    with pytest.raises(WeightsError, match=r"there is no metric\.conv3_1\.width"):
        tiny.network(kept, tiny.recipe())


def test_the_full_width_is_the_readout_s_or_the_layer_s_own(net: Network) -> None:
    assert [net.full_width(layer) for layer in LAYERS] == [11, 19, 23]
    assert [net.full_width(layer) for layer in ("conv1_2", "conv4_3")] == [4, 10]
    assert net.metric_factor("conv1_2") is None
