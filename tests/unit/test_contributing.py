"""CONTRIBUTING.md names what there is."""

import re
from pathlib import Path
from typing import Annotated

import pytest
import torch
from annotated_types import Ge

from nstd.style.keys import Absent, Key, keys_of
from nstd.style.recipe import StyleRecipe, Weight
from nstd.style.terms import Term

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
SPANS = re.findall(r"`([^`\n]+)`", TEXT)
FILES = sorted(
    {one.split()[0] for one in SPANS if re.match(r"(nstd|tests|bench|docs|\.ci)/[^ ]*", one)}
    | set(re.findall(r"\]\(((?!http)[^)]+)\)", TEXT))
)


@pytest.mark.parametrize("name", FILES)
def test_the_files_it_names_are_there(name: str) -> None:
    assert list(ROOT.glob(name.rstrip("/"))), name


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("frame_terms", "nstd/style/terms.py"),
        ("TemporalLoss", "nstd/temporal/terms.py"),
        ("_ALL_CONTAINERS", "nstd/media/write/containers.py"),
        ("CODECS", "nstd/media/write/codecs.py"),
        ("_COMMANDS", "nstd/cli/main.py"),
        ("VERBS", "nstd/cli/queue.py"),
        ("Common", "nstd/cli/options.py"),
        ("Machine", "nstd/cli/options.py"),
    ],
)
def test_the_names_it_names_are_in_these_files(name: str, path: str) -> None:
    assert f"`{name}`" in TEXT
    assert path in TEXT
    assert re.search(rf"(?m)^(def |class )?{name}\b", (ROOT / path).read_text("utf-8"))


def test_its_recipe_key_and_its_loss_term_are_ones() -> None:
    key, term = re.findall(r"(?ms)^```python\n(.*?)^```$", TEXT)[:2]
    names = {
        "Annotated": Annotated,
        "Absent": Absent,
        "Ge": Ge,
        "Key": Key,
        "StyleRecipe": StyleRecipe,
        "Term": Term,
        "Weight": Weight,
        "ImageBatch": torch.Tensor,
        "Features": dict,
        "PerFrame": torch.Tensor,
        "grain_loss": lambda images: images.square().mean(dim=(1, 2, 3)),
        "dataclass": __import__("dataclasses").dataclass,
    }
    indented = "".join(f"    {line}\n" for line in key.splitlines())
    exec(f"@dataclass(frozen=True, kw_only=True)\nclass Recipe(StyleRecipe):\n{indented}", names)  # noqa: S102
    exec(term, names)  # noqa: S102
    assert "grain_weight" in keys_of(names["Recipe"])
    made = names["Grain"](0.5)
    assert made.largest_factor == ("grain_weight", 0.5)
    assert float(made.loss(torch.ones(1, 3, 2, 2), {})[0]) == 1
