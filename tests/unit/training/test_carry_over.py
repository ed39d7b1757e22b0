"""Whether the look carries over, by nstd's own objective; a network compared with itself has 1."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from PIL import Image

from nstd.style.recipe import STYLE_LAYERS
from nstd.style.targets import content_target
from nstd.style.terms import Objective, frame_terms
from tests.networks import make_quarter_network
from tests.unit.training import tiny
from training import carry_over
from training.carry_over import Judge, make_painter

EDGE = 32


@pytest.fixture(scope="module")
def files(inputs: Path) -> Path:
    """Beside the teacher: the same network in another file, and another network."""
    tensors = safetensors.torch.load_file(inputs / "teacher.safetensors")
    safetensors.torch.save_file(tensors, inputs / "same.safetensors", {"source": "a copy"})
    make_quarter_network(inputs / "other.safetensors", seed=1, widths=tiny.WIDTHS)
    return inputs


@pytest.mark.parametrize("readout", [True, False])
def test_the_judge_gives_the_objectives_own_style_terms(tmp_path: Path, readout: bool) -> None:
    weights = make_quarter_network(tmp_path / "a.safetensors", widths=tiny.WIDTHS, readout=readout)
    style = tmp_path / "style.png"
    Image.fromarray(tiny.photographs(1, 40, 40)[0]).save(style)
    painter = make_painter(weights, style, argparse.Namespace(edge=EDGE, steps=2, device="cpu"))
    picture = tiny.images(7, 1)
    losses = Judge(painter).losses(picture)
    (level,) = painter.levels(EDGE, EDGE)
    target = painter.style_target(level)
    content = content_target(picture, painter.network, "conv4_2", target.energy)
    terms = frame_terms(painter.network, painter.recipe, target, content)
    found = Objective(painter.network, terms)(picture)
    weighed = sum(w * loss for w, loss in zip(painter.recipe.layer_weights, losses, strict=True))
    assert len(set(losses)) == len(STYLE_LAYERS)
    assert weighed == pytest.approx(float(found.terms["style"]), rel=1e-5)  # float32 sums


def judge(files: Path, student: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """The factor that the command writes."""
    contents = sorted((files / "photographs").iterdir())[:2]
    line = ["--teacher", files / "teacher.safetensors", "--student", files / student]
    line += ["--contents", *contents, "--styles", files / "paintings" / "0.png"]
    line += ["--out", out, "--edge", EDGE, "--steps", 2]
    monkeypatch.setattr(sys, "argv", ["carry_over", *map(str, line)])
    carry_over.main()
    table = json.loads((out / "table.json").read_text())
    assert len(table["rows"]) == 2
    assert len(table["layers"]) == len(STYLE_LAYERS)
    assert (out / "table.md").read_text().count("\n") == 5
    factor: float = table["factor"]
    return factor


def test_a_student_that_is_the_teacher_has_one_and_another_another(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By another file: its pictures are painted anew, not taken from those kept of the teacher.
    assert judge(files, "same.safetensors", tmp_path, monkeypatch) == 1
    painted = sorted(tmp_path.glob("*/*.npy"))
    assert len(painted) == 4
    with Image.open(tmp_path / "sheet-0.png") as sheet:
        # Two rows of content, teacher's and student's, a margin of 4 below each.
        assert sheet.width == 3 * np.load(painted[0]).shape[3]
    times = {path: path.stat().st_mtime_ns for path in painted}
    other = judge(files, "other.safetensors", tmp_path, monkeypatch)
    assert other != pytest.approx(1, abs=1e-3)
    assert {path: path.stat().st_mtime_ns for path in painted} == times  # not painted again
