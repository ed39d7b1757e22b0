"""RAFT (Teed and Deng, ECCV 2020) by torchvision: accurate, and for a GPU."""

import threading
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nstd.errors import WeightsError
from nstd.flow.estimator import Flow, ImageU8
from nstd.weights.convert import read_tensors
from nstd.weights.raft import FETCH_RAFT, raft_sha256

SHORTEST_EDGE_PX = 128
"""Its correlation pyramid needs 16 positions of 8 px each way."""

UPDATES = 12
"""Refinements, as torchvision's own."""


class Raft:
    """torchvision's RAFT, large or small as its weights are.

    Memory grows with the square of the pixels: at 1920 × 1080 its correlations take 4.2 GB.

    Args:
        weights: A file as torchvision offers it, under the name it has there.
        device: Where to compute.
        threads: torch's threads on the CPU; the last digits depend on them, and torch keeps them
            for each thread that calls.

    Raises:
        WeightsError: The file is damaged, or of another network; or torchvision cannot be imported.
        InputError: There is no such file.
        StorageError: It cannot be read.
    """

    def __init__(self, weights: Path, device: torch.device | str = "cpu", threads: int = 1) -> None:
        self._network = _network(weights).to(device)
        self._device = torch.device(device)
        self._threads = threads
        self._turn = threading.Lock()  # torchvision keeps the correlations in the network

    def estimate(self, earlier: ImageU8, later: ImageU8) -> tuple[Flow, Flow]:
        """Backward and forward flow of two pictures of one size."""
        with self._turn, torch.inference_mode():
            if self._device.type == "cpu":
                torch.set_num_threads(self._threads)
            before, after = self._prepared(earlier), self._prepared(later)
            backward = self._flow(after, before, later.shape[:2])
            return backward, self._flow(before, after, later.shape[:2])

    def _prepared(self, image: ImageU8) -> Tensor:
        """In [−1, 1], its sides multiples of 8 px."""
        stacked = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
        pixels = stacked.to(self._device).float() / 127.5 - 1
        height, width = image.shape[:2]
        bottom = max(SHORTEST_EDGE_PX, -(-height // 8) * 8) - height
        right = max(SHORTEST_EDGE_PX, -(-width // 8) * 8) - width
        return F.pad(pixels, (0, right, 0, bottom), mode="replicate")

    def _flow(self, here: Tensor, there: Tensor, size: tuple[int, ...]) -> Flow:
        flow: Tensor = self._network(here, there, num_flow_updates=UPDATES)[-1]
        # A clone made in inference mode would refuse to meet tensors that are differentiated.
        with torch.inference_mode(mode=False):
            return torch.empty((1, 2, *size)).copy_(flow[:, :, : size[0], : size[1]])


def _network(path: Path) -> torch.nn.Module:
    raft_sha256(path)
    tensors = read_tensors(path)
    try:
        # Only here: torchvision's wheels do not import beside a torch of another build.
        from torchvision.models.optical_flow import raft_large, raft_small  # noqa: PLC0415
    except (ImportError, RuntimeError) as error:
        raise WeightsError(
            f"RAFT needs torchvision, which cannot be imported: {error}",
            "Install the torchvision that belongs to your torch, or take the estimator dis",
        ) from error
    large = any(name.startswith("mask_predictor.") for name in tensors)
    network: torch.nn.Module = (raft_large if large else raft_small)(weights=None)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} is not of torchvision's RAFT", f"{FETCH_RAFT} gets one that is"
        ) from error
    return network.eval().requires_grad_(requires_grad=False)
