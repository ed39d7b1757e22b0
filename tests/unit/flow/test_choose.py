"""Estimators by name: DIS, RAFT, and one that another package brings."""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from torchvision.models.optical_flow import raft_small

from nstd.errors import ConfigError, WeightsError
from nstd.flow import choose_estimator, estimator_names
from tests.scenes import scene, texture
from tests.unit.flow.test_raft import network, saved

EARLIER, LATER = texture(130, 130, 1), texture(130, 130, 2)

STILL = """
import torch

class Still:
    def estimate(self, earlier, later):
        shape = (1, 2, *later.shape[:2])
        return torch.full(shape, 7.0), torch.zeros(shape)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Put a package with one entry point where Python finds it."""

    def put(module: str, source: str, point: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        folder = tmp_path / f"{module}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[nstd.flow]\n{point}\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return put


def test_dis_finds_how_a_square_moves_before_a_wall_that_stands() -> None:
    one = scene(130, 160, square=(7, 3), side=60)
    backward, forward = choose_estimator("dis").estimate(one.earlier, one.later)
    for flow, true in ((backward, one.backward), (forward, one.forward)):
        off = np.hypot(*(flow[0].numpy() - true))
        moves = cv2.erode((true[0] != 0).astype(np.uint8), np.ones((25, 25))) > 0
        stands = cv2.dilate((true[0] != 0).astype(np.uint8), np.ones((61, 61))) == 0
        assert moves.sum() > 1000
        assert stands.sum() > 1000
        assert off[moves].max() < 0.3
        assert off[stands].max() < 0.001


def test_raft_is_found_in_the_folders(tmp_path: Path) -> None:
    saved(tmp_path, "raft_small_C_T_V2", network(raft_small).state_dict())
    backward, _ = choose_estimator("raft", folder=tmp_path).estimate(EARLIER, LATER)
    assert backward.shape == (1, 2, 130, 130)


def test_without_raft_s_weights_it_is_said_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights of RAFT") as caught:
        choose_estimator("raft", folder=tmp_path)
    assert str(tmp_path) in caught.value.problem
    assert "`nstd weights fetch raft`" in caught.value.remedy


def test_one_of_the_user_s_is_found_by_its_entry_point(
    install: Callable[[str, str, str], None],
) -> None:
    install("still_flow", STILL, "still = still_flow:Still")
    assert estimator_names() == ("dis", "raft", "still")
    moved = np.roll(EARLIER, (-7, -7), axis=(0, 1))
    backward, forward = choose_estimator("still").estimate(EARLIER, moved)
    assert bool((backward[..., :100, :100] == 7).all())
    assert bool((forward == 0).all())


@pytest.mark.parametrize(
    ("source", "point"),
    [
        ("import no_such_module_at_all", "broken = broken_flow:Still"),
        (STILL, "broken = broken_flow:Moving"),
        (STILL.replace("def estimate", "def __init__(self, a): ...\n    def estimate"),
         "broken = broken_flow:Still"),
        ("def make(): raise RuntimeError('no CUDA')", "broken = broken_flow:make"),
        ("def make(): raise OSError('no weights')", "broken = broken_flow:make"),
        ("raise OSError('no weights')", "broken = broken_flow:make"),
        ("def make(: pass", "broken = broken_flow:make"),
    ],
    ids=["import", "name", "arguments", "runtime", "system", "system while imported", "syntax"],
)  # fmt: skip
def test_one_that_cannot_be_made_says_so(
    source: str, point: str, install: Callable[[str, str, str], None]
) -> None:
    install("broken_flow", source, point)
    with pytest.raises(ConfigError, match=r"The flow estimator broken .* cannot be made") as caught:
        choose_estimator("broken")
    assert "dis, raft, broken" in caught.value.remedy
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def make(): return None", "NoneType"),
        ("class make: ...", "make"),
        ("class make:\n    estimate = 1", "make"),
    ],
    ids=["nothing", "no estimate", "estimate is no function"],
)
def test_one_that_does_not_estimate_is_refused(
    source: str, kind: str, install: Callable[[str, str, str], None]
) -> None:
    install("empty_flow", source, "empty = empty_flow:make")
    said = rf"empty \(empty_flow:make\) gives a {kind}, which has no method estimate"
    with pytest.raises(ConfigError, match=said):
        choose_estimator("empty")


@pytest.mark.parametrize("name", ["dis", "raft"])
def test_a_package_replaces_and_repeats_none_of_the_own_names(
    name: str, install: Callable[[str, str, str], None], tmp_path: Path
) -> None:
    install("still_flow", STILL, f"{name} = still_flow:Still\nmine = still_flow:Still")
    assert estimator_names() == ("dis", "raft", "mine")
    if name == "dis":
        assert not bool((choose_estimator(name).estimate(EARLIER, LATER)[0] == 7).any())
    else:
        with pytest.raises(WeightsError, match="no weights of RAFT"):
            choose_estimator(name, folder=tmp_path)


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match="no flow estimator farneback") as caught:
        choose_estimator("farneback")
    assert "dis, raft" in caught.value.remedy
