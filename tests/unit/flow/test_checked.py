"""An estimator has to keep its contract: shape, type, device, and finite numbers."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nstd.errors import ConfigError
from nstd.flow.checked import Checked
from nstd.flow.estimator import Flow, ImageU8
from tests.scenes import texture

WHOLE = texture(21, 31, 1)
EARLIER, LATER = WHOLE[:-1, :-1].copy(), WHOLE[1:, 1:].copy()
"""Later is what earlier was one pixel to the right and down: a backward flow of 1."""


class Given:
    """Gives what it is made with, and counts."""

    def __init__(self, *flows: Any) -> None:
        self.flows: Any = flows
        self.asked = 0

    def estimate(self, earlier: ImageU8, later: ImageU8) -> tuple[Flow, Flow]:
        self.asked += 1
        found: tuple[Flow, Flow] = self.flows
        return found


def flow(value: float = 1.0) -> Flow:
    return torch.full((1, 2, 20, 30), value)


@pytest.mark.parametrize("pair", [tuple, list])
def test_a_flow_as_agreed_is_passed_on(pair: type) -> None:
    given = Given()
    given.flows = pair([flow(1.0), flow(-1.0)])
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
        (torch.full((1, 2, 20, 30), -np.inf), "that is not finite"),
        (torch.zeros(1, 2, 20, 30, device="meta"), "on meta, not on the CPU"),
        (torch.zeros(1, 2, 20, 30).to_sparse(), r"of layout torch\.sparse_coo, not strided"),
        (np.zeros((1, 2, 20, 30), np.float32), "that is a ndarray, not a torch.Tensor"),
        (None, "that is a NoneType, not a torch.Tensor"),
    ],
    ids=[
        "width",
        "no batch",
        "float64",
        "NaN",
        "infinite",
        "elsewhere",
        "sparse",
        "array",
        "none",
    ],
)
@pytest.mark.parametrize("forward", [False, True])
def test_any_other_flow_is_refused_by_name(wrong: Any, said: str, forward: bool) -> None:
    flows = (flow(), wrong) if forward else (wrong, flow())
    with pytest.raises(ConfigError, match=f"The flow estimator mine gave a flow {said}"):
        Checked(Given(*flows), "mine").estimate(EARLIER, LATER)


@pytest.mark.parametrize(
    "found",
    [flow(), (flow(),), (flow(), flow(), flow()), (), None, {"backward": flow()}],
    ids=["tensor", "one", "three", "none of a pair", "nothing", "names"],
)
def test_what_is_no_pair_is_refused(found: Any) -> None:
    mine = Given()
    mine.flows = found
    with pytest.raises(ConfigError, match="mine gave a flow that is no pair of tensors") as caught:
        Checked(mine, "mine").estimate(EARLIER, LATER)
    assert "estimator" in caught.value.remedy


def test_of_a_flow_with_gradients_its_numbers_are_taken() -> None:
    mine = Given(flow(1.0).requires_grad_(), flow(-1.0).requires_grad_() * 1)
    backward, forward = Checked(mine, "mine").estimate(EARLIER, LATER)
    assert torch.equal(backward, flow(1.0))
    assert torch.equal(forward, flow(-1.0))
    assert not backward.requires_grad
    assert not forward.requires_grad


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    seed=st.integers(0, 999),
    scale=st.sampled_from([0.0, 1e-3, 0.3, 2.0, 30.0, 1e3, 1e6]),
    even=st.booleans(),
)
def test_whatever_a_small_picture_s_flow_the_result_is_one_and_the_same(
    height: int, width: int, seed: int, scale: float, even: bool
) -> None:
    random = np.random.default_rng(seed)
    earlier, later = random.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    if even:
        earlier[:], later[:] = 120, 121
    flows = [
        torch.from_numpy(random.normal(0, scale, (1, 2, height, width)).astype(np.float32))
        for _ in range(2)
    ]
    before = [one.clone() for one in flows]
    found = Checked(Given(*flows), "mine").estimate(earlier, later)
    again = Checked(Given(*flows), "mine").estimate(earlier.copy(), later.copy())
    for one, same, told, untouched in zip(found, again, flows, before, strict=True):
        assert one.shape == (1, 2, height, width)
        assert one.dtype == torch.float32
        assert bool(one.isfinite().all())
        assert torch.equal(one, same)
        assert torch.equal(told, untouched)
