"""Where only noise moves, the flow is zero."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from nstd.flow.estimator import Flow, Image

Plane = npt.NDArray[np.float32]

SLOW_PX = 0.75
"""Pixels a frame: faster motion is believed."""

BETTER = 1.2
"""How much less the warped earlier frame must differ than the unmoved one, in mean square, for the
motion to be believed. Of a still scene with noise (σ 1 to 4 code values) they differ by factors up
to 1.06 in half of all places, since flow fits some of it; of photographs with noise of 2 that move
by 0.2 px by 1.36 and more in half of them."""

ALIKE = 0.5
"""Mean squared difference, in code values², of pictures that differ by rounding."""

WINDOW_PX = 31
"""Square over which differences are averaged."""

BLEND_PX = 21
"""Over which the flow goes to zero, so slowly that it is no motion boundary."""


def hold_still(earlier: Image, later: Image, backward: Flow, forward: Flow) -> tuple[Flow, Flow]:
    """Both flows, but zero where the pictures show noise and no motion.

    A still camera's noise has flow of a tenth of a pixel. Followed, it blurs the paint and makes it
    swim; and a tenth of the frame's steps is spent on mending that.

    Args:
        earlier: uint8 `[height, width, 3]`.
        later: Likewise.
        backward: On `later`'s grid, into `earlier`.
        forward: On `earlier`'s grid, into `later`.
    """
    return _held(later, earlier, backward), _held(earlier, later, forward)


def _held(here: Image, there: Image, flow: Flow) -> Flow:
    vectors: Plane = flow[0].numpy()
    speed = np.hypot(*(_mean(part, WINDOW_PX) for part in vectors))
    if bool((speed >= SLOW_PX).all()):
        return flow
    own, other = here.astype(np.float32), there.astype(np.float32)
    height, width = own.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    moved = cv2.remap(
        other,
        columns + vectors[0],
        rows + vectors[1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    # Between pixels interpolation turns noise of variance σ² into Σw² σ²: no better match.
    across, down = vectors - np.floor(vectors)
    kept = (across**2 + (1 - across) ** 2) * (down**2 + (1 - down) ** 2)
    unmoved_error = _mean(np.square(own - other).mean(axis=2), WINDOW_PX)
    moved_error = _mean(np.square(own - moved).mean(axis=2) * 2 / (1 + kept), WINDOW_PX)
    noise = (unmoved_error < BETTER * moved_error) | (unmoved_error < ALIKE)
    moving = 1 - _mean(((speed < SLOW_PX) & noise).astype(np.float32), BLEND_PX)
    return torch.from_numpy(np.ascontiguousarray(vectors * moving))[None]


def _mean(values: npt.NDArray[Any], window: int) -> Plane:
    blurred = cv2.blur(values, (window, window), borderType=cv2.BORDER_REPLICATE)
    return blurred.astype(np.float32)
