"""What keyword arguments mean, before anything is painted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nstd
from nstd.errors import OutputExistsError, UsageError

SWITCHES = ("overwrite", "strict", "accept_truncated", "provenance")
"""All keywords of `nstd.stylize` that are yes or no, from three sections and none."""


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options for a picture whose output is there already."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (48, 48)).save("photo.png")
    Path("taken.png").write_bytes(b"somebody's")
    own = {"state_dir": tmp_path / "state", "cache_dir": tmp_path / "cache"}
    return {"source": "photo.png", "output": "taken.png", "style": "pastel", "device": "cpu"} | own


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize("value", ["maybe", "", 0, 1, b"no", [], np.array([False])], ids=repr)
def test_what_is_neither_yes_nor_no_is_refused(
    key: str, value: object, taken: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=rf"^{key}: .* is neither yes nor no"):
        nstd.stylize(**taken | {key: value})


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize("value", [False, "no", "Off", "false", np.False_, None], ids=repr)
def test_no_is_no_in_each_of_its_forms(key: str, value: object, taken: dict[str, Any]) -> None:
    with pytest.raises(OutputExistsError, match=r"taken\.png is there already"):
        nstd.stylize(**taken | {key: value})
    assert Path("taken.png").read_bytes() == b"somebody's"


@pytest.mark.parametrize("key", SWITCHES[1:])
@pytest.mark.parametrize("value", [True, "yes", "ON", np.True_], ids=repr)
def test_yes_to_another_question_replaces_nothing(
    key: str, value: object, taken: dict[str, Any]
) -> None:
    with pytest.raises(OutputExistsError, match=r"taken\.png is there already"):
        nstd.stylize(**taken | {key: value})
    assert Path("taken.png").read_bytes() == b"somebody's"
