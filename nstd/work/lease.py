"""A claim kept alive while its job is painted."""

import time

from nstd.ledger.job import Job
from nstd.ledger.store import JobStore
from nstd.style.optimize import Iterate
from nstd.work.film import Observer, stopped

LEASE_SECONDS = 3600.0
"""Without a renewal for so long a claim is void. That is for workers that live and hang: dead ones
are noticed at once. The longest time between two renewals is that of joining a long film."""


LOOK_SECONDS = 1.0
"""Between two looks at whether the job was paused or canceled; a frame may take minutes."""


class LeaseKeeper:
    """An observer that passes everything on to another, and keeps the claim on the job alive.

    Attributes:
        job: The job, as it was claimed.
    """

    def __init__(self, observer: Observer, store: JobStore, job: Job) -> None:
        self._observer, self._store, self.job = observer, store, job
        self._renewed = self._looked = time.monotonic()
        self._paused = False

    @property
    def stopping(self) -> bool:
        """Whether the observer asks to stop, or the job was paused."""
        return self._paused or self._observer.stopping

    def began(self, job: Job, *, painted: int, total: int) -> None:
        """Pass it on."""
        self._observer.began(job, painted=painted, total=total)

    def turn(self, number: int, count: int) -> None:
        """Pass it on."""
        self._observer.turn(number, count)

    def doing(self, what: str) -> None:
        """Look at the claim where that is due, and pass it on."""
        self._keep()
        self._observer.doing(what)

    def alive(self) -> None:
        """Look at the claim where that is due, and pass it on."""
        self._keep()
        self._observer.alive()

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """Look at the claim where that is due, and pass it on.

        Raises:
            Interrupted: Painting is to stop.
        """
        self._keep()
        self._observer.stepped(frame, iterate)
        if self.stopping:
            raise stopped(self.job, frame)

    def painted(self, frame: int) -> None:
        """Renew the claim, and pass it on."""
        self._renew()
        self._observer.painted(frame)

    def _keep(self) -> None:
        now = time.monotonic()
        if now - self._renewed > LEASE_SECONDS / 4:
            self._renew()
        elif now - self._looked > LOOK_SECONDS:
            self._look()

    def _renew(self) -> None:
        self._paused = self._store.renew(self.job).paused
        self._renewed = self._looked = time.monotonic()

    def _look(self) -> None:
        """Only read: unlike a renewal it waits neither for the disk nor for another process."""
        job = self._store.get(self.job.id)
        if job.token != self.job.token:
            self._renew()  # the claim is lost: this raises the error that says why
        self._paused = job.paused
        self._looked = time.monotonic()
