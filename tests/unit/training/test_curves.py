"""The curves of a run: which lines of the log count, and that they are drawn."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nstd.errors import UnreadableError, VanishedError
from training import curves
from training.student import MATCHED


def record(step: int, value: float, *, held_out: bool = False) -> dict[str, Any]:
    gram = {layer: value / (1 + i) for i, layer in enumerate(MATCHED)}
    found: dict[str, Any] = {"step": step, "seconds_a_step": 1.0, "unexplained": gram, "gram": gram}
    if held_out:
        found["held_out_r2"] = {layer: 1 - value for layer, value in gram.items()}
    return found


def write(folder: Path, records: list[dict[str, Any]]) -> Path:
    path = folder / "log.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in records))
    return path


def test_of_two_lines_of_a_step_the_later_one_counts(tmp_path: Path) -> None:
    # Killed after the line of step 150, resumed from the checkpoint of step 100.
    log = [record(50, 0.5), record(100, 0.4), record(150, 0.3), record(150, 0.2), record(200, 0.1)]
    found = curves.read_log(write(tmp_path, log))
    assert [(one["step"], one["gram"]["conv1_1"]) for one in found] == [
        (50, 0.5), (100, 0.4), (150, 0.2), (200, 0.1),
    ]  # fmt: skip


def test_a_curve_has_the_steps_at_which_its_value_was_taken() -> None:
    records = [record(50, 0.5), record(100, 0.4, held_out=True)]
    assert curves.curves(records, "gram")["conv1_1"] == ([50, 100], [0.5, 0.4])
    assert curves.curves(records, "held_out_r2")["conv2_1"] == ([100], [0.8])


@pytest.mark.parametrize("line", ['{"step": 50, "gr', '{"gram": {}}', "[1]"])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"{json.dumps(record(50, 0.5))}\n{line}\n")
    with pytest.raises(UnreadableError, match="Line 2 of "):
        curves.read_log(path)


def test_an_empty_or_missing_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VanishedError):
        curves.read_log(tmp_path / "log.jsonl")
    with pytest.raises(UnreadableError, match="no record yet"):
        curves.read_log(write(tmp_path, []))


def test_the_command_draws_every_layer_in_another_color(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, [record(50 * n, 1 / n, held_out=n % 2 == 0) for n in range(1, 9)])
    out = tmp_path / "curves.png"
    monkeypatch.setattr(sys, "argv", ["curves", str(tmp_path), "-o", str(out)])
    curves.main()
    with Image.open(out) as picture:
        assert picture.width == 1000
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    colorful = colors[(counts > 100) & (np.ptp(colors.astype(int), axis=1) > 40)]
    assert len(colorful) >= len(MATCHED)
