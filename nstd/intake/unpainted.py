"""What lies in watched folders and is not painted, and why: for `nstd status`."""

import itertools
import threading
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from nstd.errors import visible

MOST_TOLD = 100
"""How many files a report names. It is written anew whenever one of them changes; a hundred with
their reasons take some 20 kB. Beyond that it only tells how many there are."""

MOST_ALIKE = 10
"""How many ignored files with the same reason it names, so that some with each reason are named."""


class Cause(StrEnum):
    """What keeps a file from being painted; in the order in which it is told."""

    REFUSED = "refused"
    UNREADABLE = "unreadable"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    IGNORED = "ignored"


class Unpainted:
    """Files that are not painted, each with the reason; used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons: dict[Cause, dict[Path, str]] = {kind: {} for kind in Cause}
        self._kinds: dict[Path, Cause] = {}
        self._facts: dict[str, Any] | None = None

    def kind(self, path: Path) -> Cause | None:
        """What keeps the file from being painted; None where nothing is known that does."""
        with self._lock:
            return self._kinds.get(path)

    def note(self, path: Path, kind: Cause, reason: str) -> bool:
        """Note why a file is not painted.

        Args:
            path: The file, or a folder of such.
            kind: What keeps it from being painted.
            reason: Cause, as a sentence.

        Returns:
            Whether that is news.
        """
        with self._lock:
            if self._reasons[kind].get(path) == reason:
                return False
            self._drop(path)
            self._kinds[path], self._reasons[kind][path] = kind, reason
            self._facts = None
            return True

    def drop(self, path: Path) -> None:
        """The file is painted, or gone."""
        with self._lock:
            self._drop(path)

    def found(self, below: Path, kind: Cause, reasons: Mapping[Path, str]) -> None:
        """Note all files of a kind that a scan of a folder found; others noted there are gone."""
        with self._lock:
            for path in [p for p in self._reasons[kind] if p.is_relative_to(below)]:
                if path not in reasons:
                    self._drop(path)
        for path, reason in reasons.items():
            self.note(path, kind, reason)

    def told(self, kind: Cause, most: int) -> list[str]:
        """Some of the reasons of a kind, each with its file."""
        with self._lock:
            some = list(self._reasons[kind].items())[:most]
        named = [(visible(path), reason) for path, reason in some]
        return [reason if name in reason else f"{name}: {reason}" for name, reason in named]

    def facts(self) -> dict[str, Any]:
        """Everything in plain values, of a bounded size.

        Returns:
            `counts`, by kind; `ignored`, how many for which reason; `files`, the first of them:
            `path` (escaped where it is no text), `kind`, `reason`.
        """
        with self._lock:
            if self._facts is None:  # it is asked for twice a second
                self._facts = self._collected()
            return self._facts

    def _collected(self) -> dict[str, Any]:
        files = [
            {"path": visible(path), "kind": str(kind), "reason": reason}
            for kind, reasons in self._reasons.items()
            for path, reason in _some(kind, reasons)
        ]
        return {
            "counts": {str(kind): len(found) for kind, found in self._reasons.items() if found},
            "ignored": dict(Counter(self._reasons[Cause.IGNORED].values())),
            "files": files[:MOST_TOLD],
        }

    def _drop(self, path: Path) -> None:
        if (kind := self._kinds.pop(path, None)) is not None:
            del self._reasons[kind][path]
            self._facts = None


def _some(kind: Cause, reasons: Mapping[Path, str]) -> list[tuple[Path, str]]:
    """As many of a kind as a report may name; of ignored ones, some with each reason."""
    if kind is not Cause.IGNORED:
        return list(itertools.islice(reasons.items(), MOST_TOLD))
    sorts: dict[str, list[tuple[Path, str]]] = {}
    for path, reason in reasons.items():
        alike = sorts.setdefault(reason, [])
        if len(alike) < MOST_ALIKE:
            alike.append((path, reason))
    return list(itertools.chain.from_iterable(sorts.values()))
