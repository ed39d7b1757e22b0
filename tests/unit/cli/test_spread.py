"""Groups of options: typer sees the single options, the command gets each group as one value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from annotated_types import Ge
from typer.testing import CliRunner

from nstd.cli.keys import recipe_keys_of
from nstd.cli.options import Common, Machine, Telling
from nstd.cli.spread import Texts, spread
from nstd.style.keys import Absent, Key
from nstd.style.recipe import StyleRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Glitter(StyleRecipe):
    """A recipe of a later version: one field more."""

    glitter_weight: Annotated[float, Key("How much it glitters."), Ge(0), Absent(0.0)] = 0.5


LOOK = recipe_keys_of(Glitter, "Look")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One option that must be given, and one that need not."""

    name: Annotated[str, typer.Option(help="Whose.")]
    often: Annotated[int, typer.Option("--often", "-n", help="How often.")] = 1


@pytest.fixture
def heard() -> dict[str, Any]:
    return {}


@pytest.fixture
def app(heard: dict[str, Any]) -> typer.Typer:
    def command(
        source: Annotated[Path, typer.Argument(help="From where.")],
        wish: Wish,
        look: Annotated[Texts, LOOK],
        machine: Machine,
        common: Telling,
    ) -> None:
        """Says what it heard."""
        heard.update(source=source, wish=wish, look=look, machine=machine, common=common)

    app = typer.Typer()
    app.command()(spread(command))
    return app


def test_a_command_gets_each_group_as_one_value(app: typer.Typer, heard: dict[str, Any]) -> None:
    given = ["in.mp4", "--name", "x", "-n", "3", "--threads", "2", "--json", "--tv-weight", "2"]
    assert CliRunner().invoke(app, given).exit_code == 0
    assert heard["source"] == Path("in.mp4")
    assert heard["wish"] == Wish(name="x", often=3)
    assert heard["machine"] == Machine(threads=2)
    assert heard["common"] == Common(json=True)
    assert {key: text for key, text in heard["look"].items() if text} == {"tv_weight": "2"}


def test_a_field_that_is_added_to_a_recipe_is_an_option_with_its_help(
    app: typer.Typer, heard: dict[str, Any]
) -> None:
    given = ["in.mp4", "--name", "x", "--glitter-weight", "0.75"]
    assert CliRunner().invoke(app, given).exit_code == 0
    assert heard["look"]["glitter_weight"] == "0.75"
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
    assert "How much it glitters. [0.5]" in " ".join(text.split())


def test_an_option_that_a_group_does_not_offer_is_refused(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["in.mp4", "--name", "x", "--quiet"]).exit_code == 2


def test_an_option_that_must_be_given_must_be_given(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["in.mp4"]).exit_code == 2
