"""A folder's lock: alone or shared, and the folder is there."""

import threading
import time
from pathlib import Path

from nstd.work.locks import locked


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
        with locked(folder, shared=True) as mine:
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
