"""Events of one folder by inotify: hints where to look, and what they tell of open files.

No event is taken as proof that a file is there or has settled. A file that is moved in is only
`created`, one that is written through mmap only `closed`; `created` comes while a file still grows.
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
    FileClosedNoWriteEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileOpenedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from nstd.intake.writers import Handles, Standing

# They tell who reads or writes a file, and are no reason to look at it.
_HANDLES: list[type[FileSystemEvent]] = [FileOpenedEvent, FileClosedNoWriteEvent]

# Beside those, only what can be news is asked of the kernel, since its queue is short.
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


_feeds: set["EventFeed"] = set()
_feeds_lock = threading.Lock()


def _is_worth_logging(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    if message.startswith("Inotify queue overflowed"):
        # The second line of an overflow comes at any later time, and would count as another one.
        if "reconciling" not in message:
            _note_overflow(record.thread)
        return False
    # watchdog 7.1 logs an error when its thread is stopped between two of its own steps.
    return "when the thread is inactive" not in message


def _note_overflow(thread: int | None) -> None:
    """Tell the feed whose reader this thread is, or all feeds if none is known to have it."""
    with _feeds_lock:
        feeds = [feed for feed in _feeds if feed.reads_in(thread)] or list(_feeds)
    for feed in feeds:
        feed.note_overflow()


# watchdog 7.1 tells of an overflow only by a line in its log, written by the thread that reads the
# kernel's queue, and by a second line where it watches subfolders.
for _name in ("watchdog.observers.inotify", "watchdog.observers.inotify_c"):
    logging.getLogger(_name).addFilter(_is_worth_logging)
    logging.getLogger(_name).setLevel(logging.WARNING)  # at any verbosity: the line is a signal

# watchdog 7.1 warns when it finds a new folder twice, by its own event and in its parent's walk.
warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)


class EventFeed(FileSystemEventHandler):
    """Collects the paths that events of one folder name, until `take` is called.

    Each folder has its own observer, so that one that died can be replaced alone.

    Args:
        path: The folder.
        recursive: Whether the folders in it are watched too.

    Raises:
        OSError: It cannot be watched; ENOSPC or EMFILE where inotify is exhausted.
    """

    def __init__(self, path: Path, *, recursive: bool) -> None:
        self._lock = threading.Lock()
        self._hints: set[Path] = set()
        self._handles = Handles()
        self._overflowed = False
        self._observer = Observer()
        started = False
        try:
            self._observer.schedule(
                self, str(path), recursive=recursive, event_filter=_NEWS + _HANDLES
            )
            with _feeds_lock:
                _feeds.add(self)
            self._observer.start()
            started = True
        finally:
            if not started:
                self.stop()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Remember an event; called by the observer's thread."""
        source = Path(os.fsdecode(event.src_path))
        target = Path(os.fsdecode(event.dest_path)) if event.dest_path else None
        with self._lock:
            self._follow(event, source, target)
            if not isinstance(event, (FileOpenedEvent, FileClosedNoWriteEvent)):
                self._hints.add(source)
                if target is not None:
                    self._hints.add(target)

    def _follow(self, event: FileSystemEvent, source: Path, target: Path | None) -> None:
        handles = self._handles
        match event:
            case FileCreatedEvent():
                handles.created(source)
            case FileOpenedEvent():
                handles.opened(source)
            case FileModifiedEvent():
                handles.modified(source)
            case FileClosedEvent() | FileClosedNoWriteEvent():
                handles.closed(source, writer=isinstance(event, FileClosedEvent))
            case FileMovedEvent() if target is not None:
                handles.moved(source, target)
            case FileDeletedEvent():
                handles.gone(source)

    def take(self) -> set[Path]:
        """The paths named since the last call."""
        with self._lock:
            hints, self._hints = self._hints, set()
        return hints

    def standing(self, path: Path) -> Standing:
        """What the events so far tell of who has a file open for writing."""
        with self._lock:
            return self._handles.standing(path)

    def is_deaf(self, folder: Path) -> bool:
        """Whether a folder that is to be watched sends no events.

        watchdog says nothing if the kernel refuses to watch a folder below the first.
        """
        watches = [
            getattr(getattr(emitter, "_inotify", None), "_active_callbacks_by_path", None)
            for emitter in self._observer.emitters
        ]
        name = os.fsencode(folder)
        # Another version of watchdog may keep them elsewhere: then nothing can be told.
        return all(known is not None and name not in known for known in watches)

    def distrust(self) -> None:
        """Forget who has files open: events were lost."""
        with self._lock:
            self._handles.forget()

    def take_overflow(self) -> bool:
        """Whether the kernel's queue has overflowed since the last call: events were lost."""
        with self._lock:
            overflowed, self._overflowed = self._overflowed, False
        return overflowed

    def note_overflow(self) -> None:
        """Remember that events were lost; called by the thread that reads them."""
        with self._lock:
            self._overflowed = True

    def reads_in(self, thread: int | None) -> bool:
        """Whether this is the number of the thread that reads the kernel's queue for this feed."""
        return (reader := self._reader) is not None and reader.ident == thread

    @property
    def alive(self) -> bool:
        """Whether events still come; watchdog says nothing when they no longer do."""
        threads: list[threading.Thread] = [self._observer, *self._observer.emitters]
        if (reader := self._reader) is not None:
            threads.append(reader)  # the emitters outlive it, and get no events
        return len(self._observer.emitters) > 0 and all(thread.is_alive() for thread in threads)

    @property
    def _reader(self) -> threading.Thread | None:
        # Another thread, for which there is no public name, reads for the emitters.
        reader = getattr(self._observer, "_inotify_fd", None)
        return reader if isinstance(reader, threading.Thread) else None

    def stop(self) -> None:
        """End the threads."""
        with _feeds_lock:
            _feeds.discard(self)
        self._observer.stop()
        if self._observer.is_alive():
            self._observer.join()
