"""The teacher's coordinates: distances, Grams and variances are those of its full space."""

import pytest
import torch
from torch import Tensor

from tests.networks import activations
from tests.unit.style.tiny import tiny_tensors
from tests.unit.training import tiny
from training.student import MATCHED

# float64 throughout, and a float64 QR: what is left is rounding of sums of some thousand terms. The
# weights are folded and stored in float32, so the second opinion below is given the folded ones.
EXACT = 1e-10


def full_space(*, readout: bool, images: Tensor) -> dict[str, Tensor]:
    """The teacher's activations written out: the network, then the readout at each pixel."""
    tensors = tiny_tensors(readout=readout, identity=False)
    folded = tiny.teacher(readout=readout).network._parameters
    tensors |= folded
    tensors |= {"preprocess.weight": torch.eye(3)[:, :, None, None]}
    tensors |= {"preprocess.bias": torch.zeros(3)}
    exact = {name: tensor.double() for name, tensor in tensors.items()}
    found = activations(exact, images)
    for layer in MATCHED:
        if f"readout.{layer}.weight" in exact:
            weight, bias = exact[f"readout.{layer}.weight"], exact[f"readout.{layer}.bias"]
            mapped = torch.einsum("oc,bchw->bohw", weight[:, :, 0, 0], found[layer])
            found[layer] = mapped + bias[:, None, None]
    return found


def gram(features: Tensor) -> Tensor:
    return torch.einsum("bihw,bjhw->bij", features, features)


@pytest.mark.parametrize("readout", [True, False])
def test_distances_gram_norms_and_variances_are_those_of_the_full_space(readout: bool) -> None:
    images = tiny.images(0).double()
    found = tiny.teacher(readout=readout, dtype=torch.float64).activations(images)
    full = full_space(readout=readout, images=images)
    assert tuple(found) == MATCHED
    for layer in MATCHED:
        own, wanted = found[layer], full[layer]
        for measure in (
            lambda f: (f[0] - f[1]).square().sum(),
            lambda f: gram(f).square().sum(),
            lambda f: (gram(f)[0] - gram(f)[1]).square().sum(),
            lambda f: (f - f.mean(dim=(0, 2, 3), keepdim=True)).square().sum(),
        ):
            torch.testing.assert_close(measure(own), measure(wanted), rtol=EXACT, atol=0)


def test_without_a_readout_the_coordinates_are_the_activations_themselves() -> None:
    images = tiny.images(1).double()
    found = tiny.teacher(readout=False, dtype=torch.float64).activations(images)
    full = full_space(readout=False, images=images)
    for layer in MATCHED:
        torch.testing.assert_close(found[layer], full[layer], rtol=EXACT, atol=EXACT)


def test_there_are_never_more_coordinates_than_width_plus_one() -> None:
    teacher = tiny.teacher(readout=True)
    for layer in MATCHED:
        channels = teacher.network._parameters[f"{layer}.bias"].shape[0]
        assert teacher.outputs[layer] == channels + 1
        assert teacher.full_widths[layer] == 2 * channels + 3
        assert teacher.activations(tiny.images(2))[layer].shape[1] == channels + 1
