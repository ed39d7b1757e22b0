"""Tests know nstd by what it promises: they import no private name and no constant's value."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

PUBLIC = {
    # Tables of what there is to choose from: documents, help and errors are made of them.
    "nstd.cli.keys.ENCODING",
    "nstd.cli.keys.LOOK",
    "nstd.cli.keys.READING",
    "nstd.media.names.FILM_SUFFIXES",
    "nstd.media.names.STILL_SUFFIXES",
    "nstd.media.write.codecs.CODECS",
    "nstd.media.write.containers.CONTAINERS",
    "nstd.media.write.containers.FILMS",
    "nstd.media.write.encoders.PRESETS",
    "nstd.style.ladder.DEFAULT_LEVELS",
    "nstd.style.ladder.FORMATS",
    "nstd.style.recipe.INDEPENDENT",
    "nstd.style.recipe.LAYERS",
    "nstd.style.recipe.STRENGTHS",
    "nstd.style.recipe.STYLE_LAYERS",
    "nstd.style.recipe.UNPAINTED",
    "nstd.weights.file.LAYERS",
    # What a caller has to give or keep to.
    "nstd.media.read.shots.LOOK_AHEAD",
    "nstd.media.read.shots.LOOK_BACK",
    # How ledgers of earlier versions are brought to this one's.
    "nstd.ledger.schema.MIGRATIONS",
}
"""Constants that are part of a room's seam."""


def imported(path: Path) -> Iterator[str]:
    """Full names of what a module imports from nstd."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nstd":
            yield from (f"{node.module}.{one.name}" for one in node.names)


def is_constant(full: str) -> bool:
    module, _, name = full.rpartition(".")
    if not name.isupper() or len(name) == 1:
        return False
    return not isinstance(getattr(import_module(module), name), type)  # LBFGS is a class


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.stem)
def test_a_module_imports_what_is_public(path: Path) -> None:
    names = set(imported(path))
    assert {full for full in names if full.rpartition(".")[2].startswith("_")} == set()
    assert {full for full in names - PUBLIC if is_constant(full)} == set()


def test_every_constant_that_is_allowed_is_used() -> None:
    used = {full for path in TESTS.rglob("*.py") for full in imported(path)}
    assert used >= PUBLIC
