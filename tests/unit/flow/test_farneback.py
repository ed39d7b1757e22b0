"""Farnebäck: which way its flow points, small pictures, and the same bytes always."""

import cv2
import numpy as np
import pytest
import torch

from nstd.flow import Farneback
from tests.scenes import scene, texture


def test_the_backward_flow_leads_into_the_earlier_frame_and_the_forward_flow_back() -> None:
    one = scene(120, 160, square=(5, -3), wall=(5, -3))
    backward, forward = Farneback().estimate(one.earlier, one.later)
    for flow, true in ((backward, one.backward), (forward, one.forward)):
        assert flow.shape == (1, 2, 120, 160)
        assert (flow.dtype, flow.device.type) == (torch.float32, "cpu")
        off = np.abs(flow[0].numpy() - true)[:, 24:-24, 24:-24]
        assert float(off.mean()) < 0.1  # pixels, of a motion of 5.8


@pytest.mark.parametrize(("slope", "contrast"), [(1.5, 1), (2.0, 1), (2.0, 3)])
def test_soft_and_faint_pictures_move_as_far_as_others(slope: float, contrast: int) -> None:
    # Damped as OpenCV does it for 8-bit pictures, the flow was off by 0.03, 0.4 and 0.98 px.
    whole = texture(96, 97, 1, slope=slope) // contrast
    backward, forward = Farneback().estimate(
        np.ascontiguousarray(whole[:, :-1]), np.ascontiguousarray(whole[:, 1:])
    )
    for flow, true in ((backward, 1), (forward, -1)):
        off = (flow - torch.tensor([true, 0])[:, None, None])[..., 12:-12, 12:-12]
        assert float(off.abs().mean()) < 0.01


def test_of_identical_pictures_the_flow_is_zero() -> None:
    picture = texture(40, 60, 1)
    for flow in Farneback().estimate(picture, picture.copy()):
        assert torch.equal(flow, torch.zeros(1, 2, 40, 60))


def test_the_flow_has_the_same_bytes_whatever_opencv_s_thread_count() -> None:
    one, threads = scene(96, 120, square=(6, -4), wall=(2, 1)), cv2.getNumThreads()
    found = []
    try:
        for count in (1, 2, 5):
            cv2.setNumThreads(count)
            flows = Farneback().estimate(one.earlier, one.later)
            found.append([flow.numpy().tobytes() for flow in flows])
    finally:
        cv2.setNumThreads(threads)
    assert found.count(found[0]) == 3


@pytest.mark.parametrize(("height", "width"), [(16, 200), (9, 9), (1, 40)])
def test_small_pictures_have_flow_too(height: int, width: int) -> None:
    picture = texture(height + 4, width + 4, 1)
    earlier, later = picture[:height, :width], picture[2 : height + 2, 3 : width + 3]
    for flow in Farneback().estimate(earlier, later):
        assert flow.shape == (1, 2, height, width)
        assert flow.isfinite().all()
