"""`nstd demo`: what it says, and what it refuses before anything is drawn."""

from pathlib import Path
from typing import Any

import pytest

from art.harbor.scene import SIZE
from nstd.cli import main
from nstd.cli.demo import tell
from nstd.config import Config
from nstd.demo import Demo
from nstd.gallery import list_styles, style_name
from nstd.style.ladder import plan_levels
from nstd.style.recipe import StyleRecipe


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_it_names_its_files_and_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("/x/nstd-demo")
    painted, sample, sheet = (folder / n for n in ("painted.mp4", "sample.mp4", "sheet.png"))
    tell(Demo(sample, painted, sheet, kept=(sample,)), "my cut.jpg", "pocket")
    lines = capsys.readouterr().out.splitlines()
    assert [str(path) in line for line, path in zip(lines, (painted, sample, sheet), strict=False)]
    assert ["already" in line for line in lines] == [False, True, False, False]
    assert "stylize FILM --style 'my cut.jpg' -o" in lines[-1]


def test_what_to_do_next_is_called_as_the_demo_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "my env/bin/nstd"
    demo = Demo(Path("sample.mp4"), Path("painted.mp4"), Path("sheet.png"), kept=())
    monkeypatch.setattr("sys.argv", [str(program), "demo"])
    tell(demo, "impasto", "vgg19")
    line = f"'{program}' stylize FILM --style impasto --network vgg19 -o painted.mp4"
    assert line in capsys.readouterr().out
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    tell(demo, "impasto", "pocket")
    assert ": nstd stylize FILM --style impasto -o painted.mp4" in capsys.readouterr().out


def test_its_look_is_a_sound_recipe_of_a_style_that_ships(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[StyleRecipe] = []

    def noted(config: Config, recipe: StyleRecipe, folder: Path, *_: Any, **__: Any) -> Demo:
        asked.append(recipe)
        return Demo(folder / "sample.mp4", folder / "painted.mp4", folder / "sheet.png", kept=())

    monkeypatch.setattr("nstd.demo.make_demo", noted)
    with pytest.raises(SystemExit) as ended:
        main(["demo"])
    assert ended.value.code in {None, 0}
    (recipe,) = asked
    assert style_name(recipe.styles[0].image) in {style.name for style in list_styles()}
    levels = plan_levels(recipe.levels, *SIZE)
    assert levels[-1].long_edge == SIZE[0]
    # What two cores do in about a minute: 24 frames, and 0.1 s for a step of 320 × 180 pixels.
    pixels = sum(level.width * level.height * level.steps for level in levels)
    assert 24 * 0.1 * pixels / (SIZE[0] * SIZE[1]) < 60


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["--style", "impastro"], 2, "impastro"),
        (["--style", "nowhere/a.jpg"], 2, "nowhere/a.jpg"),
        (["--seconds", "0"], 2, "seconds"),
        (["--seconds", "1000"], 2, "seconds"),
        (["--device", "toaster"], 69, "toaster"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: list[str], code: int, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", *arguments])
    assert ended.value.code == code
    assert part in capsys.readouterr().err
    assert not list(Path().rglob("painted.mp4"))
