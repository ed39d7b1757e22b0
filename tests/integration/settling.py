"""Painted films whose originals are to go, file systems of all kinds, and a process to kill."""

import errno
import gc
import hashlib
import itertools
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from nstd import files
from nstd.errors import BusyError
from nstd.ledger.job import FileIdentity, Job, JobKey, JobRequest, JobState
from nstd.ledger.store import JobStore
from nstd.submit.output import OutputSpec
from nstd.work.originals import Settlement

OLD, NEW, NEWEST = b"the film that was painted", b"a newer film, of another size", b"the newest"

MODES = ("delete", "renamed", "another disk", "mounted twice", "no links", "no way but to copy")

_TELLING = {"os.link", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "open"}
"""What Python tells of before it does it, of all that changes a folder."""


class Ledger:
    """As much of a ledger as the settling of originals asks for."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.known: dict[tuple[bytes, bytes, FileIdentity], str] = {}

    def jobs_of_film(self, key: JobKey) -> list[Job]:
        return [job for job in self.jobs if job.request.key.fingerprint == key.fingerprint]

    def known_fingerprint(self, folder: bytes, name: bytes, identity: FileIdentity) -> str | None:
        return self.known.get((folder, name, identity))

    def record_file(
        self, folder: bytes, name: bytes, identity: FileIdentity, fingerprint: str
    ) -> None:
        self.known[folder, name, identity] = fingerprint


@dataclass
class Home:
    """A film whose jobs are all done, and a way for it to go."""

    folder: Path
    mode: str
    recipes: tuple[str, ...] = ("oil",)
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.source = self.folder / "in/film.mp4"
        self.moved = self.folder / "moved/film.mp4"
        self.source.parent.mkdir(parents=True)
        self.moved.parent.mkdir()
        self.source.write_bytes(OLD)
        for name in self.recipes:
            self.job(name)

    def job(self, recipe: str, *, folder: str = "in", state: JobState = JobState.DONE) -> Job:
        source = self.folder / folder / "film.mp4"
        how: dict[str, Any] = {"originals": "delete"}
        if self.mode != "delete":
            how = {"originals": "move", "move_to": str(self.moved.parent)}
        key = JobKey(
            folder=bytes(source.parent),
            relative=b"film.mp4",
            fingerprint=hashlib.sha256(source.read_bytes()).hexdigest(),
            recipe_name=recipe,
        )
        output = OutputSpec(siblings=self.recipes, **how).to_json()
        request = JobRequest(key=key, source=bytes(source), target=b"/", recipe={}, output=output)
        number = len(self.ledger.jobs) + 1
        job = Job(id=number, request=request, state=state, attempts=1, created=0, updated=0)
        self.ledger.jobs.append(job)
        return job

    def settle(self, job: Job | None = None, now: float | None = None) -> bool:
        job = self.ledger.jobs[0] if job is None else job
        work = self.folder / f"state/work/{job.id}"
        work.mkdir(parents=True, exist_ok=True)
        store = cast("JobStore", self.ledger)
        settlement = Settlement(store, job, work, unsure_seconds=60.0, now=now)
        try:
            return settlement.settle() is None
        except BusyError:
            return False

    def films(self) -> dict[str, bytes]:
        """Everything in both folders, by name."""
        found = [p for name in ("in", "moved") for p in (self.folder / name).glob("*")]
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in found}

    def settled(self) -> dict[str, bytes]:
        """What is there once the film is where it belongs."""
        return {} if self.mode == "delete" else {"moved/film.mp4": OLD}


def obstruct(mode: str, home: Path, patch: pytest.MonkeyPatch) -> None:
    """Let file systems be as a mode says."""
    rename = files._renamed_without_replacing

    def told(path: Path, target: Path) -> bool:
        sys.audit("os.rename", path, target)  # as Python would, had it this call
        return rename(path, target)

    patch.setattr(files, "_renamed_without_replacing", told)
    if mode in {"another disk", "no way but to copy"}:
        _number_disks(home / "moved", patch)
    if mode in {"another disk", "mounted twice", "in parts"}:
        _refuse_links(errno.EXDEV, patch, only_across=True)
    if mode == "mounted twice":
        _refuse_renames(patch)
    if mode in {"no links", "no way but to copy"}:
        _refuse_links(errno.EPERM, patch, only_across=False)
    if mode == "no way but to copy":
        patch.setattr(files, "_libc", object())


def _number_disks(second: Path, patch: pytest.MonkeyPatch) -> None:
    stat = Path.stat

    def numbered(path: Path, **more: Any) -> os.stat_result:
        found = stat(path, **more)
        if not path.is_relative_to(second):
            return found
        return os.stat_result([*found[:2], found.st_dev + 1, *found[3:]])

    patch.setattr(Path, "stat", numbered)


def _refuse_links(number: int, patch: pytest.MonkeyPatch, *, only_across: bool) -> None:
    link = os.link

    def refuse(source: Path, target: Path) -> None:
        if target.exists():  # what Linux looks at first
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        if source.parent != target.parent or not only_across:
            raise OSError(number, os.strerror(number))
        link(source, target)

    patch.setattr("nstd.files.os.link", refuse)


def _refuse_renames(patch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def refuse(source: Path, target: Path) -> Path:
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(source, target)

    patch.setattr(Path, "rename", refuse)


def in_another_process(action: Callable[[], bool], happens: Callable[[int], None]) -> int:
    """Do something in a process of its own; before each change to a folder, let something happen.

    Args:
        action: What.
        happens: Is told how many changes were made before.

    Returns:
        The process's exit code: 0 where the action returned True.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child has but this thread
        pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 99
    try:
        # What earlier tests have left to be collected, such as an open film with its threads, must
        # not be collected here: it would wait for ever for threads that are not there.
        gc.disable()
        count = itertools.count()
        within = False

        def told(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal within
            if within or event not in _TELLING or (event == "open" and arguments[1] != "wb"):
                return
            within = True
            happens(next(count))
            within = False

        sys.addaudithook(told)  # cannot be taken back: one more reason for a process
        code = 0 if action() else 1
    finally:
        os._exit(code)


def kill_at(moment: int) -> Callable[[int], None]:
    def happens(number: int) -> None:
        if number == moment:
            os._exit(9)

    return happens
