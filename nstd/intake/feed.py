"""Events of one folder by inotify: hints where to look, and nothing more.

What kind of event it was is not passed on. A file moved in is only ever `created`, one written
through mmap only `closed`, and `created` comes while the file still grows.
"""

import logging
import os
import threading
import warnings
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

# Only what can be news is asked of the kernel: its queue is short, and our own reading of films
# would fill it with `opened` and `closed_no_write`.
_NEWS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileClosedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


def _is_worth_logging(record: logging.LogRecord) -> bool:
    # watchdog 7.1 logs an error when its thread is stopped between two of its own steps.
    return "when the thread is inactive" not in record.getMessage()


logging.getLogger("watchdog.observers.inotify").addFilter(_is_worth_logging)

# watchdog 7.1 warns when it finds a new folder twice, by its own event and in its parent's walk.
warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)


class EventFeed(FileSystemEventHandler):
    """Collects the paths that events of one folder name, until they are asked for.

    Each folder has an observer of its own, so that one that died is replaced without the others.

    Args:
        path: The folder.
        recursive: Whether the folders in it are watched too.

    Raises:
        OSError: It cannot be watched; ENOSPC or EMFILE where inotify is exhausted.
    """

    def __init__(self, path: Path, *, recursive: bool) -> None:
        self._lock = threading.Lock()
        self._hints: set[Path] = set()
        self._observer = Observer()
        started = False
        try:
            self._observer.schedule(self, str(path), recursive=recursive, event_filter=_NEWS)
            self._observer.start()
            started = True
        finally:
            if not started:
                self.stop()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Remember the paths of an event; called by the observer's thread."""
        paths = {Path(os.fsdecode(name)) for name in (event.src_path, event.dest_path) if name}
        with self._lock:
            self._hints |= paths

    def take(self) -> set[Path]:
        """The paths named since the last call."""
        with self._lock:
            hints, self._hints = self._hints, set()
        return hints

    @property
    def alive(self) -> bool:
        """Whether events still come; watchdog says nothing when they no longer do."""
        threads: list[threading.Thread] = [self._observer, *self._observer.emitters]
        # Since watchdog 7 a further thread, which nothing public names, reads for the emitters:
        # they outlive it, deaf.
        reader = getattr(self._observer, "_inotify_fd", None)
        if isinstance(reader, threading.Thread):
            threads.append(reader)
        return len(self._observer.emitters) > 0 and all(thread.is_alive() for thread in threads)

    def stop(self) -> None:
        """End the threads."""
        self._observer.stop()
        if self._observer.is_alive():
            self._observer.join()
