"""RAFT (Teed and Deng, ECCV 2020) by torchvision: accurate, and for a GPU."""

import hashlib
import pickle
import re
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nstd.errors import WeightsError, from_os_error
from nstd.flow.estimator import Flow, ImageU8

_FILE = re.compile(r"raft_(?:large|small)_\w+-(?P<digest>[0-9a-f]{8})\.pth")
"""torchvision's names: what it is, what it was trained on, and how its SHA-256 begins."""

_PREFERRED = ("raft_large_C_T_SKHT_V2", "raft_large_C_T_SKHT_K_V2", "raft_large", "raft_small")
"""Trained on most kinds of pictures first."""

SHORTEST_EDGE_PX = 128
"""Its correlation pyramid needs 16 positions of 8 px each way."""

UPDATES = 12
"""Refinements, as torchvision's own."""


def find_raft(folders: Iterable[Path]) -> Path | None:
    """The best of the weights files in `folders`, by torchvision's names, or None.

    Raises:
        StorageError: A folder cannot be read.
    """
    found: list[Path] = []
    for folder in folders:
        try:
            there = sorted(folder.iterdir()) if folder.is_dir() else []
        except OSError as error:
            raise from_os_error(error, folder, "reading") from error
        found += [path for path in there if _FILE.fullmatch(path.name)]

    def rank(path: Path) -> int:
        return next(n for n, name in enumerate(_PREFERRED) if path.name.startswith(name))

    return min(found, key=rank, default=None)


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
        StorageError: It cannot be read.
    """

    def __init__(self, weights: Path, device: torch.device | str = "cpu", threads: int = 1) -> None:
        self._network = _build(_read(weights), weights).to(device)
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


def _read(path: Path) -> Mapping[str, Any]:
    damaged = f"{path} is damaged, or no weights of RAFT"
    remedy = "Remove it, and copy it from torchvision's address again"
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            named = _FILE.fullmatch(path.name)
            if named and not digest.startswith(named["digest"]):
                raise WeightsError(damaged, remedy)
            tensors = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(damaged, remedy) from error
    if not isinstance(tensors, Mapping):
        raise WeightsError(damaged, remedy)
    return tensors


def _build(tensors: Mapping[str, Any], path: Path) -> torch.nn.Module:
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
    except (RuntimeError, TypeError) as error:
        raise WeightsError(
            f"{path} is not of torchvision's RAFT",
            "Use a file that torchvision offers, under the name it has there",
        ) from error
    return network.eval().requires_grad_(requires_grad=False)
