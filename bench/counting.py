"""An observer for benchmarks that counts the steps of painting."""

from nstd.ledger.job import Job
from nstd.style.optimize import Iterate


class Steps:
    """An observer (`nstd.work.film.Observer`).

    Attributes:
        taken: Steps of each frame so far.
    """

    stopping = False

    def __init__(self) -> None:
        self.taken: dict[int, int] = {}

    def began(self, job: Job, *, painted: int, total: int) -> None:
        """Nothing is to be done."""

    def turn(self, number: int, count: int) -> None:
        """Nothing is to be done."""

    def doing(self, what: str) -> None:
        """Nothing is to be done."""

    def alive(self) -> None:
        """Nothing is to be done."""

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """Count it."""
        self.taken[frame] = self.taken.get(frame, 0) + (not iterate.final)

    def painted(self, frame: int) -> None:
        """Nothing is to be done."""
