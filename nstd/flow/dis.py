"""Dense inverse search on the CPU, by OpenCV (Kroeger et al., ECCV 2016)."""

import cv2
import numpy as np
import numpy.typing as npt
import torch

from nstd.flow.estimator import Flow, ImageU8

SHORTEST_EDGE_PX = 64
"""Smaller pictures are enlarged by repeating their border: with a short edge under 32 px and a long
one beside it OpenCV 4.14 reads beyond its buffers and ends the process."""


class Dis:
    """OpenCV's DIS with its preset MEDIUM.

    Of textured squares before a wall it finds 78 to 99 % of what is revealed; the preset FAST finds
    26 to 83 %. A finest scale of full size halves the error on slow motion, but 3 to 12 % less of
    real frames is trusted, and it costs four times as much. Its bytes do not depend on OpenCV's
    thread count.
    """

    def estimate(self, earlier: ImageU8, later: ImageU8) -> tuple[Flow, Flow]:
        """Backward and forward flow of two pictures of one size."""
        before, after = _gray(earlier), _gray(later)
        height, width = later.shape[:2]
        return tuple(_calc(*pair, height, width) for pair in ((after, before), (before, after)))  # type: ignore[return-value] # two are two


def _gray(image: ImageU8) -> ImageU8:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    bottom = max(0, SHORTEST_EDGE_PX - gray.shape[0])
    right = max(0, SHORTEST_EDGE_PX - gray.shape[1])
    padded: ImageU8 = np.pad(gray, ((0, bottom), (0, right)), mode="edge")
    return padded


def _calc(here: ImageU8, there: ImageU8, height: int, width: int) -> Flow:
    """Flow on `here`'s grid: here(p) ≈ there(p + flow)."""
    # Made for each call: it keeps buffers, which threads may not share.
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # OpenCV's stubs demand an array where None means that there is no first guess.
    flow: npt.NDArray[np.float32] = dis.calc(here, there, None)  # type: ignore[call-overload]
    return torch.from_numpy(np.ascontiguousarray(flow[:height, :width].transpose(2, 0, 1)))[None]
