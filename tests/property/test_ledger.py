"""The ledger against a plain model: any work, crashes, cancelings and clocks that jump."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nstd.errors import BusyError, LedgerError
from nstd.ledger.job import Job, JobKey, JobRequest, JobState, Painted, Segment
from nstd.ledger.leases import Holder, Presence
from nstd.ledger.store import JobStore
from tests.unit.ledger.conftest import WAYS

LEASE = 60.0
CLOCK_SLACK = 60.0
"""A row that seems to be written later than so many seconds from now tells of a clock set back."""

MAX_ATTEMPTS = 3
WHO = st.integers(0, 1)
WHICH = st.integers(0, 7)


class Worker:
    """A process with the ledger open, and the claim it believes to have."""

    def __init__(self, machine: "LedgerMachine", pid: int) -> None:
        self.pid = pid
        self.name = f"worker {pid}"
        self.job: Job | None = None
        self._machine = machine
        self.store = self._open()

    def _open(self) -> JobStore:
        machine = self._machine
        return JobStore(
            machine.path,
            lambda: machine.now,
            holder=Holder(self.pid, 1, "boot"),
            presence=machine.presence,
            max_attempts=MAX_ATTEMPTS,
        )

    def reopen(self) -> None:
        self.store.close()
        self.store = self._open()


@dataclass
class Expected:
    """What the ledger has to say of one job."""

    request: JobRequest
    state: JobState = JobState.QUEUED
    owner: Worker | None = None
    until: float = 0.0
    attempts: int = 0
    not_before: float = 0.0
    paused: bool = False
    frames: int = 0
    segments: list[Segment] = field(default_factory=list)

    def release(self, state: JobState) -> None:
        # A pause outlasts the start that it ends, but not the job.
        self.paused = self.paused and not self.is_over and state is JobState.QUEUED
        self.state, self.owner, self.not_before = state, None, 0.0

    @property
    def is_over(self) -> bool:
        return self.state not in {JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING}


class LedgerMachine(RuleBasedStateMachine):
    """Two workers at one ledger, and a person who cancels, pauses and retries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.sqlite3"
        self.now = 1_000_000.0
        self.pids = 0
        self.alive: set[int] = set()
        self.expected: dict[int, Expected] = {}
        self.workers = [self._start(), self._start()]

    def teardown(self) -> None:
        for worker in self.workers:
            worker.store.close()
        self.folder.cleanup()

    def presence(self, holder: Holder, _observer: Holder) -> Presence:
        return Presence.ALIVE if holder.pid in self.alive else Presence.GONE

    # --- queueing ----------------------------------------------------------------------------

    @rule(name=st.sampled_from([b"a", b"b", b"\xff"]), again=st.booleans(), first=st.booleans())
    def enqueue(self, name: bytes, again: bool, first: bool) -> None:
        key = JobKey(b"/in", name, "f", "oil")
        request = JobRequest(key, b"/in/" + name, b"/out/" + name, {"style": 1}, {}, int(first))
        same = [number for number, job in self.expected.items() if job.request.key == key]
        job, new = self.workers[0].store.enqueue(request, again=again)
        if not same:
            assert new
        elif self.expected[max(same)].state is JobState.VANISHED:
            assert (job.id, new) == (max(same), True)
            self.expected[job.id].release(JobState.QUEUED)
            self.expected[job.id].attempts = 0
        else:
            assert new is (again and self.expected[max(same)].is_over)
            assert (job.id == max(same)) is not new
        if new and job.id not in same:
            self.expected[job.id] = Expected(request)

    @rule(which=WHICH, verb=st.sampled_from(["cancel", "retry", "pause", "resume"]))
    def command(self, which: int, verb: str) -> None:
        job = self._pick(which)
        if job is None:
            return
        number, expected = job
        act: Callable[[int], Job] = getattr(self.workers[1].store, verb)
        if not self._allows(number, verb):
            with pytest.raises(LedgerError):
                act(number)
            return
        act(number)
        if verb == "cancel":
            expected.release(JobState.CANCELED)
        elif verb == "retry":
            expected.release(JobState.QUEUED)
            expected.attempts = 0
        else:
            expected.paused = verb == "pause"

    # --- working -----------------------------------------------------------------------------

    @rule(who=WHO)
    def claim(self, who: int) -> None:
        worker = self.workers[who]
        number = self._expect_claim()
        job = worker.store.claim(worker.name, lease_seconds=LEASE)
        assert (None if job is None else job.id) == number
        if job is None:
            return
        expected = self.expected[job.id]
        if expected.state is JobState.QUEUED:
            expected.release(JobState.RUNNING)
        expected.owner, expected.until = worker, self.now + LEASE
        expected.attempts += 1
        worker.job = job

    @rule(who=WHO, frames=st.integers(0, 3))
    def paint(self, who: int, frames: int) -> None:
        def act(worker: Worker, job: Job, expected: Expected) -> None:
            worker.store.progress(job, expected.frames + frames, 100)
            expected.frames += frames
            expected.attempts = 1 if frames else expected.attempts
            expected.until = self.now + LEASE

        self._work(who, act, JobState.RUNNING)

    @rule(who=WHO)
    def renew(self, who: int) -> None:
        def act(worker: Worker, job: Job, expected: Expected) -> None:
            assert worker.store.renew(job).paused is expected.paused
            expected.until = self.now + LEASE

        self._work(who, act, JobState.RUNNING, JobState.PUBLISHING)

    @rule(who=WHO, close=st.booleans())
    def next_segment(self, who: int, close: bool) -> None:
        def act(worker: Worker, job: Job, expected: Expected) -> None:
            known = expected.segments
            opened = next((one for one in known if not one.complete), None)
            if opened is not None and close:
                index, last = opened.index, opened.first + 9
                closed = replace(opened, last=last, path=f"{index}.mkv", digest=f"d{index}")
                worker.store.close_segment(job, closed)
                known[index] = closed
                return
            index = len(known)
            new = Segment(index, 10 * index, depends_on=index - 1 if index else None)
            begun = opened or new
            worker.store.open_segment(job, begun)  # it may be there, open: it is begun anew
            known[begun.index :] = [begun, *known[begun.index + 1 :]]

        self._work(who, act, JobState.RUNNING)

    @rule(who=WHO, numbers=st.sets(st.integers(0, 3), min_size=1))
    def harm_segments(self, who: int, numbers: set[int]) -> None:
        """What is closed is gone, and painted again; what comes after it stays."""

        def act(worker: Worker, job: Job, expected: Expected) -> None:
            known = expected.segments
            harmed = {number for number in numbers if number < len(known)}
            worker.store.reopen_segments(job, harmed)
            for number in harmed:
                known[number] = Segment(number, 10 * number, depends_on=known[number].depends_on)
            expected.frames = 10 * sum(one.complete for one in known)

        self._work(who, act, JobState.RUNNING)

    @rule(who=WHO)
    def publish(self, who: int) -> None:
        def act(worker: Worker, job: Job, expected: Expected) -> None:
            worker.store.publishing(job)
            expected.state, expected.until = JobState.PUBLISHING, self.now + LEASE

        self._work(who, act, JobState.RUNNING)

    @rule(who=WHO)
    def finish(self, who: int) -> None:
        def act(worker: Worker, job: Job, expected: Expected) -> None:
            worker.store.done(job)
            expected.release(JobState.DONE)

        self._work(who, act, JobState.PUBLISHING)

    @rule(who=WHO, gone=st.booleans())
    def give_up(self, who: int, gone: bool) -> None:
        def act(worker: Worker, job: Job, expected: Expected) -> None:
            if gone and expected.state is JobState.RUNNING:
                worker.store.vanished(job, "It is gone")
                expected.release(JobState.VANISHED)
            else:
                worker.store.fail(job, "It is no film")
                expected.release(JobState.FAILED)

        self._work(who, act, JobState.RUNNING, JobState.PUBLISHING)

    @rule(who=WHO, wait=st.sampled_from([0.0, 30.0, 600.0]), counted=st.booleans())
    def give_back(self, who: int, wait: float, counted: bool) -> None:
        def act(worker: Worker, job: Job, expected: Expected) -> None:
            until = self.now + wait
            worker.store.requeue(job, reason="Busy", not_before=until, counted=counted)
            expected.release(JobState.QUEUED)
            expected.not_before = until
            expected.attempts -= not counted

        self._work(who, act, JobState.RUNNING, JobState.PUBLISHING)

    @rule(which=WHICH)
    def forget(self, which: int) -> None:
        """A job goes with its segments and its history, unless a worker that lives has it."""
        job = self._pick(which)
        if job is None:
            return
        number, expected = job
        owner, store = expected.owner, self.workers[1].store
        held = owner is not None and expected.until > self.now and owner.pid in self.alive
        assert store.forget([store.get(number)]) == (set() if held else {number})
        if held:
            return
        del self.expected[number]
        assert not store.events(number)
        assert not store.segments(number)
        for worker in self.workers:
            if worker.job is not None and worker.job.id == number:
                with pytest.raises(LedgerError):
                    worker.store.renew(worker.job)
                worker.job = None

    # --- what goes wrong ---------------------------------------------------------------------

    @rule(who=WHO)
    def kill(self, who: int) -> None:
        """The process ends without a word, and another takes its place."""
        self.workers[who].store.close()
        self.alive.discard(self.workers[who].pid)
        self.workers[who] = self._start()

    @rule(who=WHO, counted=st.booleans())
    def bury(self, who: int, counted: bool) -> None:
        """The process ends, and its parent gives back what it held before another looks."""
        buried = self.workers[who]
        self.kill(who)
        held = [n for n, job in self.expected.items() if job.owner is buried]
        gone = buried.pid
        given = self.workers[who].store.release(
            Holder(gone, 1, "boot"), reason="Ended", counted=counted
        )
        assert [job.id for job in given] == held
        for number in held:
            expected = self.expected[number]
            expected.owner = None
            if expected.state is JobState.RUNNING:
                expected.attempts -= not counted
                expected.release(JobState.QUEUED)

    @rule(who=WHO)
    def hang(self, who: int) -> None:
        """The process lives, but gives no further sign; another takes its place."""
        self.workers[who].store.close()
        self.workers[who] = self._start()

    @rule(who=WHO)
    def reopen(self, who: int) -> None:
        """The process opens its ledger anew, and keeps its claim."""
        self.workers[who].reopen()

    @rule(seconds=st.sampled_from([1.0, 29.0, 61.0, 3600.0, -1.0, -59.0, -3600.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    # --- what always holds -------------------------------------------------------------------

    @invariant()
    def the_ledger_says_what_happened(self) -> None:
        store = self.workers[0].store
        found = {job.id: job for job in store.jobs()}
        assert set(found) == set(self.expected)  # no job is lost, none comes from nowhere
        for number, expected in self.expected.items():
            job = found[number]
            assert (job.state, job.attempts) == (expected.state, expected.attempts)
            assert (job.request, job.frames_done) == (expected.request, expected.frames)
            assert store.segments(number) == expected.segments
            closed = sum(one.complete for one in expected.segments)
            assert store.painted(number) == Painted(closed, 10 * closed, 0)
            if expected.owner is not None:
                assert (job.worker, job.pid) == (expected.owner.name, expected.owner.pid)
        counts = store.counts()
        for state in JobState:
            assert counts[state] == sum(job.state is state for job in found.values())

    @invariant()
    def every_history_is_legal(self) -> None:
        for number, expected in self.expected.items():
            state = None
            for event in self.workers[0].store.events(number):
                assert event.before == state
                legal = {JobState.QUEUED} if state is None else {state, *WAYS[state]}
                assert event.after in legal
                state = event.after
            assert state == expected.state

    # --- the model ---------------------------------------------------------------------------

    def _start(self) -> Worker:
        self.pids += 1
        self.alive.add(self.pids)
        return Worker(self, self.pids)

    def _pick(self, which: int) -> tuple[int, Expected] | None:
        numbers = sorted(self.expected)
        if not numbers:
            return None
        number = numbers[which % len(numbers)]
        return number, self.expected[number]

    def _allows(self, number: int, verb: str) -> bool:
        expected = self.expected[number]
        if verb == "cancel":
            return JobState.CANCELED in WAYS[expected.state]
        if verb in {"pause", "resume"}:
            return not expected.is_over
        same = [n for n, job in self.expected.items() if job.request.key == expected.request.key]
        again = {JobState.FAILED, JobState.CANCELED, JobState.VANISHED}
        return expected.state is JobState.QUEUED or (
            expected.state in again and number == max(same)
        )

    def _expect_claim(self) -> int | None:
        """Do to the model what a claim does first; returns the job that has to be claimed."""
        for expected in self.expected.values():
            owner = expected.owner
            if owner is None or (expected.until > self.now and owner.pid in self.alive):
                continue
            expected.owner = None
            if expected.state is JobState.RUNNING:
                expected.release(JobState.QUEUED)
        for number, job in self.expected.items():
            if self._is_free(number, job) and job.attempts >= MAX_ATTEMPTS:
                job.release(JobState.FAILED)
        turns = sorted(
            (
                job.state is not JobState.PUBLISHING,
                -job.request.priority,
                job.attempts > 1,
                number,
            )
            for number, job in self.expected.items()
            if self._is_free(number, job)
        )
        return turns[0][-1] if turns else None

    def _is_free(self, number: int, expected: Expected) -> bool:
        if expected.owner is not None:
            return False
        if expected.state is JobState.PUBLISHING:
            return True
        if expected.state is not JobState.QUEUED or expected.paused:
            return False
        updated = self.workers[0].store.get(number).updated
        return expected.not_before <= self.now or updated > self.now + CLOCK_SLACK

    def _work(
        self, who: int, act: Callable[[Worker, Job, Expected], None], *states: JobState
    ) -> None:
        """Let a worker do something with its claim: it may if, and only if, it is still its own."""
        worker = self.workers[who]
        if worker.job is None:
            return
        expected = self.expected[worker.job.id]
        if expected.owner is not worker:
            with pytest.raises(BusyError):
                act(worker, worker.job, replace(expected, segments=list(expected.segments)))
            worker.job = None
        elif expected.state not in states:
            with pytest.raises(LedgerError):
                act(worker, worker.job, replace(expected, segments=list(expected.segments)))
        else:
            act(worker, worker.job, expected)


# Every step is a commit to the disk, so the examples are fewer and longer than usual.
LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=50, print_blob=True)
TestLedger = LedgerMachine.TestCase
