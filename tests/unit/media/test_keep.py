"""Painted frames are kept losslessly, and only whole ones count."""

from pathlib import Path

import numpy as np
import pytest

from nstd.errors import StorageError, UnreadableError
from nstd.media.frame import Image
from nstd.media.keep import FrameKeeper
from tests.films import names


def noise(seed: int, height: int = 37, width: int = 53) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_frames_come_back_bit_for_bit(tmp_path: Path) -> None:
    keeper = FrameKeeper(tmp_path / "job" / "frames")
    for index in (12, 3, 100_000_007):
        keeper.keep(index, noise(index))
    again = FrameKeeper(tmp_path / "job" / "frames")
    assert again.indices() == [3, 12, 100_000_007]
    for index in again.indices():
        loaded = again.load(index)
        assert np.array_equal(loaded, noise(index))
        assert loaded.flags.c_contiguous


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_torn_file_is_removed(tmp_path: Path, kept: int) -> None:
    keeper = FrameKeeper(tmp_path)
    keeper.keep(1, noise(1))
    keeper.keep(2, noise(2))
    torn = tmp_path / "frame-00000002.png"
    torn.write_bytes(torn.read_bytes()[:kept])
    assert keeper.indices() == [1]
    assert not torn.exists()


def test_a_part_left_by_a_kill_is_removed_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / ".frame-00000004.png.part").write_bytes(b"\x89PNG")
    (tmp_path / "notes.txt").write_text("mine")
    assert FrameKeeper(tmp_path).indices() == []
    assert names(tmp_path) == ["notes.txt"]


def test_clearing(tmp_path: Path) -> None:
    keeper = FrameKeeper(tmp_path)
    for index in range(5):
        keeper.keep(index, noise(index, 4, 4))
    keeper.clear(upto=2)
    assert keeper.indices() == [3, 4]
    keeper.clear()
    assert keeper.indices() == []


def test_a_missing_or_damaged_frame_is_said(tmp_path: Path) -> None:
    keeper = FrameKeeper(tmp_path)
    with pytest.raises(UnreadableError, match="frame 9 is not there"):
        keeper.load(9)
    (tmp_path / "frame-00000009.png").write_bytes(b"")
    with pytest.raises(UnreadableError, match="damaged"):
        keeper.load(9)
    keeper.keep(9, noise(9))
    whole = (tmp_path / "frame-00000009.png").read_bytes()
    (tmp_path / "frame-00000009.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableError, match="damaged"):
        keeper.load(9)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        FrameKeeper(tmp_path / "file" / "frames")
