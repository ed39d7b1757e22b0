"""Threads that read files, so that other files need not wait for a large one or for a slow disk."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from nstd.errors import StorageError
from nstd.files import facts_of
from nstd.intake.folder import WatchedFolder

LARGE_BYTES = 256 << 20
"""Bytes that a disk of 100 MB/s takes more than a moment to read."""

Take = Callable[[WatchedFolder, Path], str | None]


def is_large(path: Path) -> bool:
    """Whether reading a file takes more than a moment; False if it cannot be looked at."""
    try:
        there = facts_of(path)
    except StorageError:
        return False  # whoever reads it will meet the same error
    return there is not None and there.st_size >= LARGE_BYTES


class Readers:
    """Takes files in two threads for each folder: large ones in one, all others in the other.

    A thread takes its files in their order, and ends when it has none left.

    Args:
        take: Called with each file, in a thread.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self._lock = threading.Lock()
        self._lanes: dict[tuple[WatchedFolder, bool], _Lane] = {}

    def submit(self, folder: WatchedFolder, path: Path) -> "Future[str | None]":
        """Have a file taken; the future has what `take` returns or raises."""
        found: Future[str | None] = Future()
        key = folder, is_large(path)  # outside the lock, since a disk may not answer
        with self._lock:
            lane = self._lanes.get(key)
            if lane is None:
                # A daemon thread: it may be stuck in a read from a mount that is gone.
                lane = self._lanes[key] = deque()
                lane.append((found, path))
                threading.Thread(
                    target=self._work, args=(key, lane), name="reader", daemon=True
                ).start()
            else:
                lane.append((found, path))
        return found

    @property
    def busy(self) -> bool:
        """Whether anything is still being taken, or is to be."""
        with self._lock:
            return bool(self._lanes)

    def _work(self, key: tuple[WatchedFolder, bool], lane: "_Lane") -> None:
        while True:
            with self._lock:
                if not lane:
                    del self._lanes[key]
                    return
                found, path = lane.popleft()
            try:
                left_alone = self._take(key[0], path)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                found.set_exception(error)
            else:
                found.set_result(left_alone)


_Lane = deque[tuple["Future[str | None]", Path]]
