"""A folder's lock: alone or shared, and the folder is there."""

import threading
import time
from pathlib import Path

import pytest

from nstd.disks.locks import locked
from nstd.errors import StorageError


def test_a_lock_is_held_alone_or_shared_and_its_folder_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    with locked(folder, shared=True) as one, locked(folder, shared=True) as two:
        with locked(folder) as alone:
            assert (one, two, alone) == (True, True, False)
        assert folder.is_dir()
    with locked(folder) as alone, locked(folder) as another:
        assert (alone, another) == (True, False)


def test_a_lock_waited_for_is_of_the_folder_that_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    held: list[bool] = []

    def wait() -> None:
        with locked(folder, shared=True, seconds=10) as mine:
            held.append(mine and folder.is_dir())

    thread = threading.Thread(target=wait)
    with locked(folder):
        thread.start()
        time.sleep(0.05)  # it may wait by now; if not, nothing is shown and nothing fails
        folder.rmdir()
    thread.join(10)
    assert held == [True]
    with locked(folder) as free:
        assert free


def test_a_file_can_be_locked_instead_and_is_waited_for_as_long_as_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    with locked(folder, "lock", mode=0o644) as alone, locked(folder) as folder_too:
        began = time.monotonic()
        with locked(folder, "lock", seconds=0.05) as another:
            waited = time.monotonic() - began
    assert (alone, folder_too, another) == (True, True, False)
    assert waited >= 0.05
    assert (folder / "lock").stat().st_mode & 0o600 == 0o600


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(StorageError, match="a/lock"), locked(tmp_path / "a", "lock"):
        pass
