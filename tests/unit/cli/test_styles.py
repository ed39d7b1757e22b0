"""`nstd styles`: what it lists, and the contact sheet it draws."""

import json
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from nstd.cli import main
from nstd.files import part_path
from nstd.gallery import list_styles


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["styles", *arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_it_lists_each_style_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert len(lines) == len(list_styles())
    for line, style in zip(lines, list_styles(), strict=True):
        assert line.split(maxsplit=1) == [style.name, style.description]
        assert len(line) <= 100
    assert said.err == ""


def test_in_a_terminal_it_says_how_to_see_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert _run() == 0
    said = capsys.readouterr()
    assert "nstd styles --sheet styles.png" in said.err
    assert "--sheet" not in said.out


def test_as_json_each_has_name_description_and_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": style.name, "description": style.description, "path": str(style.path)}
        for style in list_styles()
    ]


def test_the_sheet_shows_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--sheet", "styles.png") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "styles.png"
    with PIL.Image.open("styles.png") as sheet:
        assert sheet.format == "PNG"
        width, height = sheet.size
        colors = np.asarray(sheet.convert("RGB"), np.float32)
    columns = 4
    rows = -(-len(list_styles()) // columns)
    assert width > columns * 256
    # Each row begins with a picture, not with the plain ground.
    for row in np.array_split(colors[: height // rows * rows], rows):
        assert np.array_split(row, columns, axis=1)[0].std() > 30
    assert not part_path(Path("styles.png").absolute()).exists()


def test_a_sheet_that_is_there_is_replaced_only_when_told_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("styles.png").write_bytes(b"mine")
    assert _run("--sheet", "styles.png") == 2
    said = capsys.readouterr().err
    assert "styles.png is there already" in said
    assert "--overwrite" in said
    assert Path("styles.png").read_bytes() == b"mine"
    assert not part_path(Path("styles.png").absolute()).exists()
    assert _run("--sheet", "styles.png", "--overwrite") == 0
    assert Path("styles.png").read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("target", "part"), [("styles.gif", "Choose a name that ends in"), ("gone/styles.png", "gone")]
)
def test_a_sheet_that_cannot_be_written_is_an_error_in_words(
    target: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("--sheet", target) != 0
    said = capsys.readouterr().err
    assert part in said
    assert "Traceback" not in said
    assert not Path(target).exists()
