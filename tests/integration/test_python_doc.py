"""docs/python.md: its blocks run, in order."""

import re
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from tests.clips import make, picture

TEXT = (Path(__file__).resolve().parents[2] / "docs/python.md").read_text("utf-8")
BLOCKS = re.findall(r"(?ms)^```python\n(.*?)^```$", TEXT)
FEW_STEPS = re.compile(r'strength="normal"|levels="64:\d+"|size=96')
"""Is replaced, so that little is computed."""


@pytest.mark.slow
def test_its_blocks_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{folder}_HOME", str(tmp_path / folder.lower()))
    make(tmp_path / "film.mp4", times=range(0, 3 * 512, 512), size=(48, 32))
    PIL.Image.fromarray(picture(3, (48, 32))).save("photo.jpg")
    names: dict[str, Any] = {"__name__": "doc"}
    for number, block in enumerate(BLOCKS):
        line = TEXT[: TEXT.index(block)].count("\n")
        fast = FEW_STEPS.sub('levels="48:2"', block)
        exec(compile("\n" * line + fast, f"docs/python.md, block {number}", "exec"), names)  # noqa: S102
    said = capsys.readouterr().out
    assert said.startswith("3 frames in ")
    assert "100%, loss " in said
    assert said.endswith("There is no option “strenght”; did you mean “strength”?\n")
    for name in ("painted.mp4", "part.webm", "shown.mp4", "later.mp4", "moving-2.png"):
        assert (tmp_path / name).stat().st_size > 0
