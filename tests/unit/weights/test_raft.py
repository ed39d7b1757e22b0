"""RAFT's file: found by torchvision's name, held to the hash in it, no network to paint with."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nstd.errors import AccessError, NstdError, StorageError, UsageError, WeightsError
from nstd.files import file_sha256
from nstd.weights.catalog import check_name, find_weights, list_weights, verify_weights
from nstd.weights.raft import find_raft, raft_path


def test_the_most_general_weights_are_preferred(tmp_path: Path) -> None:
    assert find_raft(tmp_path / "nowhere") is None
    (tmp_path / "vgg19-dcbb9e9d.pth").touch()
    (tmp_path / "raft_large_C_T_SKHT_V2-ff5fadd5.pth.part").touch()
    assert find_raft(tmp_path) is None
    for name in (
        "raft_small_C_T_V2-01064c6d.pth",
        "raft_large_C_T_V2-1bb1363a.pth",
        "raft_large_C_T_SKHT_V2-ff5fadd5.pth",
    ):
        (tmp_path / name).touch()
        assert find_raft(tmp_path) == tmp_path / name


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.EACCES, AccessError, "No permission for reading"),
        (errno.EIO, StorageError, "Reading .* failed"),
    ],
    ids=["denied", "broken"],
)
def test_a_folder_that_cannot_be_read_is_named(
    number: int,
    kind: type[NstdError],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    really = Path.iterdir

    def fail(path: Path) -> Iterator[Path]:
        if path == folder:
            raise OSError(number, os.strerror(number))
        return really(path)

    monkeypatch.setattr(Path, "iterdir", fail)
    with pytest.raises(kind, match=said) as caught:
        find_raft(folder)
    assert str(folder) in caught.value.problem
    assert isinstance(caught.value.__cause__, OSError)


@pytest.fixture
def raft(cache: Path) -> Path:
    """What its name says, by its hash: more is not asked before it is loaded."""
    content = b"weights of RAFT"
    path = raft_path(cache / "weights", hashlib.sha256(content).hexdigest()[:8])
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_it_is_listed_and_verified_by_its_hash(cache: Path, raft: Path) -> None:
    (entry,) = (entry for entry in list_weights(cache) if entry.name == "raft")
    assert (entry.state, entry.path, entry.bytes) == ("present", raft, raft.stat().st_size)
    assert (entry.sha256, entry.layers) == (file_sha256(raft), ())
    assert verify_weights("raft", cache) == entry
    assert verify_weights(raft, cache).sha256 == entry.sha256


def test_a_damaged_one_is_told(cache: Path, raft: Path) -> None:
    raft.write_bytes(raft.read_bytes()[:-1])
    (entry,) = (entry for entry in list_weights(cache) if entry.name == "raft")
    assert (entry.state, entry.sha256) == ("damaged", None)
    assert str(raft) in entry.problem
    assert entry.remedy == "`nstd weights fetch raft` gets it anew"
    with pytest.raises(WeightsError, match="is damaged"):
        verify_weights("raft", cache)


def test_one_that_is_missing_can_be_fetched(cache: Path) -> None:
    with pytest.raises(WeightsError, match="There are no weights of RAFT in") as caught:
        verify_weights("raft", cache)
    assert str(cache) in caught.value.problem
    assert "`nstd weights fetch raft`" in caught.value.remedy


@pytest.mark.usefixtures("raft")
def test_it_is_no_network_to_paint_with(cache: Path) -> None:
    with pytest.raises(WeightsError, match="no network to paint with") as caught:
        find_weights("raft", cache)
    assert "temporal: estimator" in caught.value.remedy
    with pytest.raises(UsageError, match="'raft' cannot be a network's name"):
        check_name("raft")
