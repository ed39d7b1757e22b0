"""Tiny teachers, photographs and plans."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from nstd.style.network import Network
from tests.networks import make_quarter_network
from tests.unit.style.tiny import picture, tiny_tensors
from training.student import MATCHED, Student
from training.teacher import Teacher

WIDTHS = (3, 4, 4, 5, 5)
SIZE = 32
"""Edge of a crop: conv5_1 is left with 2×2 positions, the fewest that reflection can pad."""

needs_muon = pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason="torch.optim.Muon came with torch 2.9"
)


def teacher(*, readout: bool, dtype: torch.dtype = torch.float32) -> Teacher:
    """A teacher of 4 to 10 channels, with maps to twice and a bit of that or without."""
    network = Network(tiny_tensors(readout=readout, identity=False), deepest=MATCHED[-1])
    return Teacher(network.to("cpu", dtype))


def images(seed: int, count: int = 2, size: int = SIZE) -> Tensor:
    """`[count, 3, size, size]` float32 in [0, 1], with structure at several scales."""
    return picture(seed, size, size, count=count).float()


def photographs(count: int = 4, height: int = 50, width: int = 60) -> list[npt.NDArray[np.uint8]]:
    """Pictures `[height, width, 3]`, each another."""
    drawn = [picture(seed, height, width)[0].permute(1, 2, 0).numpy() for seed in range(count)]
    return [np.round(one * 255).astype(np.uint8) for one in drawn]


def write_inputs(folder: Path) -> Path:
    """Write teacher.safetensors, and folders of photographs and paintings; gives `folder`."""
    make_quarter_network(folder / "teacher.safetensors", widths=WIDTHS)
    for name, count in (("photographs", 3), ("paintings", 1)):
        (folder / name).mkdir()
        for number, photograph in enumerate(photographs(count, 40, 36 + count)):
            Image.fromarray(photograph).save(folder / name / f"{number}.png")
    return folder


def arguments(inputs: Path, out: Path, **changes: Any) -> argparse.Namespace:
    """What the command line gives to `training.distill.Run`."""
    values: dict[str, Any] = {
        "teacher": inputs / "teacher.safetensors",
        "photographs": inputs / "photographs",
        "paintings": inputs / "paintings",
        "out": out,
        "steps": 6,
        "batch": 2,
        "size": SIZE,
        "rate": 0.01,
        "decay": 0.34,
        "exploit_from": 2,
        "exploit_every": 2,
        "exploit_share": 0.5,
        "seed": 0,
        "device": "cpu",
        **changes,
    }
    return argparse.Namespace(**values)


def same_states(one: Student, other: Student) -> bool:
    """Whether all parameters are equal to the last bit."""
    own, others = one.state_dict(), other.state_dict()
    return own.keys() == others.keys() and all(torch.equal(own[k], others[k]) for k in own)
