"""An estimator is held to its contract: shape, type, place, and numbers that are numbers."""

import numpy as np
import pytest
import torch

from nstd.errors import ConfigError
from nstd.flow.checked import Checked
from nstd.flow.estimator import Flow, Image
from tests.scenes import texture

EARLIER, LATER = texture(20, 30, 1), texture(20, 30, 2)


class Given:
    """Gives what it is made with, and counts."""

    def __init__(self, backward: Flow, forward: Flow) -> None:
        self.flows = (backward, forward)
        self.asked = 0

    def estimate(self, earlier: Image, later: Image) -> tuple[Flow, Flow]:
        self.asked += 1
        return self.flows


def flow(value: float = 1.0) -> Flow:
    return torch.full((1, 2, 20, 30), value)


def test_a_flow_as_agreed_is_passed_on() -> None:
    given = Given(flow(1.0), flow(-1.0))
    backward, forward = Checked(given, "mine").estimate(EARLIER, LATER)
    assert torch.equal(backward, given.flows[0])
    assert torch.equal(forward, given.flows[1])


def test_of_identical_pictures_the_flow_is_zero_and_not_computed() -> None:
    given = Given(flow(), flow())
    backward, forward = Checked(given, "mine").estimate(EARLIER, EARLIER.copy())
    assert torch.equal(backward, flow(0.0))
    assert torch.equal(forward, flow(0.0))
    assert given.asked == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(1, 2, 20, 31), r"of \[1, 2, 20, 31\], not of \[1, 2, 20, 30\]"),
        (torch.zeros(2, 20, 30), r"of \[2, 20, 30\], not of \[1, 2, 20, 30\]"),
        (torch.zeros(1, 2, 20, 30, dtype=torch.float64), r"of torch\.float64"),
        (torch.full((1, 2, 20, 30), np.nan), "that is not finite"),
        (torch.zeros(1, 2, 20, 30, device="meta"), "on meta, not on the CPU"),
    ],
    ids=["width", "no batch", "float64", "NaN", "elsewhere"],
)
@pytest.mark.parametrize("forward", [False, True])
def test_any_other_flow_is_refused_by_name(wrong: Flow, said: str, forward: bool) -> None:
    flows = (flow(), wrong) if forward else (wrong, flow())
    with pytest.raises(ConfigError, match=f"The flow estimator mine gave a flow {said}"):
        Checked(Given(*flows), "mine").estimate(EARLIER, LATER)
