"""Painted frames are kept losslessly, and only whole ones count."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.errors import DamagedError, StorageError
from nstd.media.frame import ImageU8
from nstd.media.keep import FrameKeeper
from tests.films import names


def noise(seed: int, height: int = 37, width: int = 53) -> ImageU8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_frames_come_back_bit_for_bit(tmp_path: Path) -> None:
    keeper = FrameKeeper(tmp_path / "job" / "frames")
    for index in (12, 3, 100_000_007):
        keeper.keep(index, noise(index))
    again = FrameKeeper(tmp_path / "job" / "frames")
    assert again.indices() == [3, 12, 100_000_007]
    for index in again.indices():
        loaded, _ = again.load(index)
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


def test_a_missing_or_damaged_frame_is_said(tmp_path: Path) -> None:
    keeper = FrameKeeper(tmp_path)
    with pytest.raises(DamagedError, match="is gone or damaged"):
        keeper.load(9)
    (tmp_path / "frame-00000009.png").write_bytes(b"")
    with pytest.raises(DamagedError, match="damaged"):
        keeper.load(9)
    keeper.keep(9, noise(9))
    whole = (tmp_path / "frame-00000009.png").read_bytes()
    (tmp_path / "frame-00000009.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedError, match="damaged"):
        keeper.load(9)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        FrameKeeper(tmp_path / "file" / "frames")


@given(st.data())
def test_any_damaged_byte_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    keeper = FrameKeeper(tmp_path_factory.mktemp("kept"))
    keeper.keep(3, noise(3, 9, 11))
    path = keeper._path(3)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(DamagedError):
        keeper.load(3)
    assert keeper.indices() == []
    assert not path.exists()


def test_a_folder_in_the_place_of_a_frame_and_a_file_in_that_of_the_folder_give_way(
    tmp_path: Path,
) -> None:
    (tmp_path / "frames/frame-00000001.png/deep").mkdir(parents=True)
    keeper = FrameKeeper(tmp_path / "frames")
    with pytest.raises(DamagedError):
        keeper.load(1)
    assert keeper.indices() == []
    keeper.keep(1, noise(1))
    (tmp_path / "other").write_text("in the way")
    FrameKeeper(tmp_path / "other").keep(1, noise(1))
    for folder in ("frames", "other"):
        assert np.array_equal(FrameKeeper(tmp_path / folder).load(1)[0], noise(1))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_alpha_and_sixteen_bits_come_back_bit_for_bit(
    tmp_path: Path, kind: type[np.uint8] | type[np.uint16]
) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, np.iinfo(kind).max + 1, (37, 53, 3)).astype(kind)
    alpha = random.integers(0, 256, (37, 53), dtype=np.uint8)
    keeper = FrameKeeper(tmp_path)
    keeper.keep(1, image, alpha)  # type: ignore[arg-type] # numpy knows no choice of two
    keeper.keep(2, image)  # type: ignore[arg-type]
    found, mask = keeper.load(1)
    assert found.dtype == kind
    assert mask is not None
    np.testing.assert_array_equal(found, image)
    np.testing.assert_array_equal(mask, alpha)
    assert keeper.load(2)[1] is None
    np.testing.assert_array_equal(keeper.load(2)[0], image)
