"""The queue from outside: the ledger, who works on it, and what is asked of jobs by number.

Nothing here needs torch, so that looking at the queue takes no time. It works the same whether a
daemon runs on the state folder or not: both only speak to the ledger.
"""

import fcntl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nstd.config import Config
from nstd.disks.locks import locked
from nstd.errors import BusyError, LedgerError, NstdError, UsageError, from_os_error
from nstd.files import Json
from nstd.ledger.job import Event, Job, JobState, Segment
from nstd.ledger.store import BEGUN_ANEW, JobStore
from nstd.submit.notice import announced

UNFINISHED = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING})

_LOCK = "daemon.lock"

LOCK_SECONDS = 1.0
"""How long to try for the lock if it is required: a process that only looks holds it briefly."""

NOTED_SECONDS = 86_400.0
"""How long what is worth knowing of a finished job is shown."""

MOST_NOTED = 8
"""How many of these jobs are shown: the list is to fit on a screen."""


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a worker holds.

    Attributes:
        job: The job.
        seconds_left: An estimate, or None where there is nothing to go by.
    """

    job: Job
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The queue at one moment.

    Attributes:
        working: Whether a daemon, or `batch`, works on the state folder.
        now: When it was looked at, in seconds since the epoch.
        counts: Jobs by state.
        running: The jobs that workers hold, or held when their process ended.
        held: The jobs that wait for something other than their turn, and those that are done but
            for something that waits; the first of them, where only so many are asked for.
        held_count: How many of them there are.
        waiting: How many jobs wait for their turn alone.
        daemon: What the daemon has reported of itself: its process, events lost, problems and
            workers; None where none runs.
        noted: The newest of the jobs that something is worth knowing of, if they wait, run or
            changed within a day.
    """

    working: bool
    now: float
    counts: dict[JobState, int]
    running: list[Running]
    held: list[Job]
    held_count: int = 0
    waiting: int = 0
    daemon: Json | None = None
    noted: list[Job] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Details:
    """Everything the ledger knows of one job."""

    job: Job
    segments: list[Segment]
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request for one job.

    Attributes:
        number: The job's.
        job: As it is now, or None if the request was refused.
        error: Why it was refused, or None.
    """

    number: int
    job: Job | None
    error: NstdError | None


def open_ledger(config: Config) -> JobStore:
    """The ledger of the daemon and of `batch`."""
    return JobStore(_ledger_path(config))


@contextmanager
def daemon_lock(config: Config, *, required: bool) -> Iterator[bool]:
    """Hold the state folder's lock: one daemon, or one `batch` that works itself, at a time.

    As long as it is held, a notice tells any shell of the machine where (see `notice`).

    Args:
        config: For the state folder.
        required: Raise where another process holds it, instead of saying so.

    Yields:
        Whether the lock is held.

    Raises:
        BusyError: Another process holds it, and `required` is true.
    """
    seconds = LOCK_SECONDS if required else 0.0
    with locked(config.state_dir, _LOCK, seconds=seconds, mode=0o644) as mine:
        if mine:
            with announced(config):
                yield True
        elif required:
            raise BusyError(f"Another nstd works on {config.state_dir} already")
        else:
            yield False


def is_worked_on(config: Config) -> bool:
    """Whether a daemon, or a `batch` that works itself, is there to take what is queued.

    Raises:
        StorageError: The lock cannot be looked at.
    """
    path = config.state_dir / _LOCK
    try:
        with path.open("rb") as file:
            # Shared, so that two processes that look do not take each other for a daemon.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise from_os_error(error, path, "opening") from error
    return False


def overview(config: Config, most_held: int | None = None) -> Overview:
    """The queue as it is now; makes no ledger where there is none.

    Args:
        config: For the ledger.
        most_held: How many of the held jobs to list; None for all.
    """
    working, now = is_worked_on(config), time.time()
    if not _ledger_path(config).exists():
        return Overview(working, now, dict.fromkeys(JobState, 0), [], [])
    with open_ledger(config) as store:
        running = [
            Running(job, seconds_left(job, store.events(job.id), now))
            for job in reversed(store.jobs({JobState.RUNNING, JobState.PUBLISHING}))
        ]
        unsettled, waiting_on, counts = store.unsettled(), store.count_held(now), store.counts()
        return Overview(
            working=working,
            now=now,
            counts=counts,
            running=running,
            held=[*store.held(now, most_held), *unsettled][:most_held],
            held_count=waiting_on + len(unsettled),
            # They are asked for one after the other: a held job may be claimed in between.
            waiting=max(0, counts[JobState.QUEUED] - waiting_on),
            daemon=_report(store) if working else None,
            noted=store.noted_jobs(now - NOTED_SECONDS, MOST_NOTED),
        )


def list_jobs(
    config: Config,
    states: Iterable[JobState] | None = None,
    limit: int | None = None,
    *,
    before: int | None = None,
) -> list[Job]:
    """Jobs, the newest first; the arguments are those of `JobStore.jobs`."""
    if not _ledger_path(config).exists():
        return []
    with open_ledger(config) as store:
        return store.jobs(states, limit, before=before)


def details(config: Config, number: int) -> Details:
    """Everything about one job.

    Raises:
        LedgerError: There is no such job.
    """
    _require_ledger(config, number)
    with open_ledger(config) as store:
        return Details(store.get(number), store.segments(number), store.events(number))


def retry(config: Config, numbers: Sequence[int], *, every: bool = False) -> list[Answer]:
    """Queue jobs again that are over, or end the waiting of queued ones.

    Args:
        config: For the ledger.
        numbers: The jobs'.
        every: Every failed job too, unless its film was queued anew since.

    Raises:
        UsageError: Nothing is named.
    """

    def chosen(store: JobStore) -> list[Job]:
        latest = [(job, store.find(job.request.key)) for job in store.jobs({JobState.FAILED})]
        return [job for job, newest in latest if newest is not None and newest.id == job.id]

    return _each(config, numbers, _retry, chosen if every else None)


def _retry(store: JobStore, number: int) -> Job:
    """A job that waits for a disk where another one is now takes that one."""
    found = store.get(number).request.found
    if found is not None:
        forgotten = {
            name: place and place | {"mount": None} for name, place in found["places"].items()
        }
        found = found | {"places": forgotten}
    return store.retry(number, found=found)


def cancel(config: Config, numbers: Sequence[int], *, every: bool = False) -> list[Answer]:
    """Cancel jobs that wait or run, or dismiss those that failed, with all that is painted of them.

    A worker that paints one stops at one of its next steps.

    Args:
        config: For the ledger.
        numbers: The jobs'.
        every: Every failed job too.

    Raises:
        UsageError: Nothing is named.
    """

    def chosen(store: JobStore) -> list[Job]:
        return store.jobs({JobState.FAILED})

    return _each(config, numbers, JobStore.cancel, chosen if every else None)


def pause(config: Config, numbers: Sequence[int], *, every: bool = False) -> list[Answer]:
    """Keep jobs from being started; one that runs stops at one of its next steps.

    Args:
        config: For the ledger.
        numbers: The jobs'.
        every: Every job too that waits or runs.

    Raises:
        UsageError: Nothing is named.
    """

    def chosen(store: JobStore) -> list[Job]:
        return [job for job in store.jobs({JobState.QUEUED, JobState.RUNNING}) if not job.paused]

    return _each(config, numbers, JobStore.pause, chosen if every else None)


def resume(config: Config, numbers: Sequence[int], *, every: bool = False) -> list[Answer]:
    """End pauses.

    Args:
        config: For the ledger.
        numbers: The jobs'.
        every: Every paused job too.

    Raises:
        UsageError: Nothing is named.
    """

    def chosen(store: JobStore) -> list[Job]:
        return [job for job in store.jobs(UNFINISHED) if job.paused]

    return _each(config, numbers, JobStore.resume, chosen if every else None)


def seconds_left(job: Job, events: Sequence[Event], now: float) -> float | None:
    """How long a running job still takes, estimated from the frames painted so far.

    Args:
        job: The job.
        events: Its history: the time that it was worked on is the time it was RUNNING.
        now: Seconds since the epoch.
    """
    spent = seconds_spent(job, events)
    left = job.frames_total - job.frames_done
    if job.state is not JobState.RUNNING or job.frames_done <= 0 or left < 0 or spent <= 0:
        return None
    return max(0.0, left * spent / job.frames_done - (now - job.updated))


def seconds_spent(job: Job, events: Sequence[Event]) -> float:
    """How long workers have painted a job so far, in all starts since it was begun anew.

    Args:
        job: The job.
        events: Its history.
    """
    spent, since = 0.0, None
    for event in events:
        if event.reason == BEGUN_ANEW:
            spent, since = 0.0, event.at
        elif event.after is JobState.RUNNING:
            since = event.at if since is None else since
        elif since is not None:
            spent, since = spent + event.at - since, None
    if since is not None:
        spent += job.updated - since
    return spent


def is_held(job: Job, now: float) -> bool:
    """Whether a job waits for something other than its turn."""
    return job.state is JobState.QUEUED and (job.paused or job.not_before > now)


def reason(job: Job) -> str:
    """Why a job is in its state, or else what is worth knowing of it; empty if there is nothing."""
    if job.state in {JobState.FAILED, JobState.VANISHED}:
        return job.error or ""
    if job.state not in UNFINISHED:
        return job.hold_reason or job.request.note
    if not job.paused:
        return job.hold_reason or job.request.note
    if job.state is JobState.QUEUED:
        return "Paused" if job.hold_reason is None else f"Paused. {job.hold_reason}"
    return "Paused: it stops at one of its next steps"


def _each(
    config: Config,
    numbers: Sequence[int],
    act: Callable[[JobStore, int], Job],
    choose: Callable[[JobStore], list[Job]] | None,
) -> list[Answer]:
    """Do one thing to each job; if it is refused for one, the others are still done."""
    if not numbers and choose is None:
        raise UsageError("No job is named", "Give its number: `nstd jobs` lists them")
    if not _ledger_path(config).exists():
        return [Answer(number, None, _no_such_job(number)) for number in numbers]
    answers = []
    with open_ledger(config) as store:
        found = [] if choose is None else [job.id for job in reversed(choose(store))]
        for number in dict.fromkeys([*numbers, *found]):
            try:
                answers.append(Answer(number, act(store, number), None))
            except LedgerError as error:
                answers.append(Answer(number, None, error))
    return answers


def _report(store: JobStore) -> Json | None:
    """The report of the running daemon; None if it is one that ended before a `batch` began."""
    report = store.last_report()
    lives = report is not None and Path(f"/proc/{report['pid']}").exists()
    return report if lives else None


def _require_ledger(config: Config, number: int) -> None:
    if not _ledger_path(config).exists():
        raise _no_such_job(number)


def _no_such_job(number: int) -> LedgerError:
    return LedgerError(f"There is no job {number}", "`nstd jobs` lists them")


def _ledger_path(config: Config) -> Path:
    return config.state_dir / "ledger.sqlite3"
