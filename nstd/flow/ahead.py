"""Work that is done ahead, in threads, while whoever takes its results is busy with others."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from nstd.flow.estimator import Estimator, Flow, ImageU8

T = TypeVar("T")
R = TypeVar("R")


class _End:
    """Stands where there is no further item."""


_END: Final = _End()


class Ahead(Generic[T, R]):
    """The results of `work` on each item, in order, a few computed before they are asked for.

    One thread takes the items, one after the other; others work on them. An error is raised in
    place of its result, after all results before it, and ends the iteration. Close it, or use it in
    a `with`: that waits for what is running, drops the rest, and closes `items`.

    Args:
        items: Taken from in a thread; a generator is closed with this.
        work: Done to each item, in a thread.
        depth: How many results may be in progress or waiting, at most.
        threads: How many items are worked on at once.
    """

    def __init__(
        self, items: Iterable[T], work: Callable[[T], R], *, depth: int, threads: int = 1
    ) -> None:
        if depth < 1 or threads < 1:
            raise ValueError(f"no work is done with depth {depth} and {threads} threads")
        self._items = iter(items)
        self._work = work
        self._depth = depth
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="ahead-reader")
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="ahead-worker")
        self._coming: deque[Future[Future[R] | _End]] = deque()
        self._over = False

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        if self._over:
            raise StopIteration
        while len(self._coming) < self._depth:
            self._coming.append(self._reader.submit(self._begin_next))
        going_on = False
        try:
            begun = self._coming.popleft().result()
            if isinstance(begun, _End):
                raise StopIteration
            result = _result(begun)
            going_on = True
        finally:
            if not going_on:
                self.close()
        self._coming.append(self._reader.submit(self._begin_next))
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for what is running, drop what is not, and close the items; may be repeated."""
        self._over = True
        self._reader.shutdown(cancel_futures=True)
        self._workers.shutdown(cancel_futures=True)
        self._coming.clear()
        # No thread is in it any more.
        if close := getattr(self._items, "close", None):
            close()

    def _begin_next(self) -> Future[R] | _End:
        item = next(self._items, _END)
        return item if isinstance(item, _End) else self._workers.submit(self._work, item)


def _result(done: Future[R]) -> R:
    try:
        return done.result()
    except StopIteration as error:
        # It would look like the end of the items; PEP 479 does the same for generators.
        raise RuntimeError("work done ahead raised StopIteration") from error


@dataclass(frozen=True, slots=True, eq=False)
class Pictured(Generic[T]):
    """A frame, and the picture that its flow is estimated from.

    Attributes:
        frame: Whatever it is to whoever asks.
        picture: At the size that is painted.
        begins_shot: Whether a new shot begins with it; no flow crosses that.
        wanted: Whether its flow is asked for. Other frames only give their pictures to later ones,
            as when a film is continued.
    """

    frame: T
    picture: ImageU8
    begins_shot: bool
    wanted: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Flowed(Generic[T]):
    """A frame with the flow between it and earlier ones of its shot.

    Attributes:
        frame: The frame itself.
        flows: By distance in frames, backward and forward flow; none to frames before the shot's
            first.
        pictures: By distance, the pictures of those earlier frames; under 0 the frame's own.
    """

    frame: T
    flows: Mapping[int, tuple[Flow, Flow]]
    pictures: Mapping[int, ImageU8]


def with_flows(
    frames: Iterable[Pictured[T]],
    estimator: Estimator,
    distances: Sequence[int],
    *,
    depth: int = 4,
    threads: int = 1,
) -> Ahead[tuple[T, dict[int, ImageU8]], Flowed[T]]:
    """The wanted frames, each with its flows, which are computed ahead.

    Args:
        frames: One after the other, none left out.
        estimator: Called by `threads` threads at once.
        distances: How far back the earlier frames lie, in frames.
        depth: How many frames may be in progress or waiting, at most; see `Ahead`.
        threads: How many frames' flow is found at once.
    """

    def flowed(linked: tuple[T, dict[int, ImageU8]]) -> Flowed[T]:
        frame, pictures = linked
        later = pictures[0]
        flows = {by: estimator.estimate(one, later) for by, one in pictures.items() if by}
        return Flowed(frame, flows, pictures)

    return Ahead(_linked(frames, distances), flowed, depth=depth, threads=threads)


def _linked(
    frames: Iterable[Pictured[T]], distances: Sequence[int]
) -> Iterator[tuple[T, dict[int, ImageU8]]]:
    """Each wanted frame with its own picture and those of the frames before it, by distance."""
    before: deque[ImageU8] = deque(maxlen=max(distances, default=0))
    for one in frames:
        if one.begins_shot:
            before.clear()
        if one.wanted:
            earlier = {by: before[-by] for by in distances if by <= len(before)}
            yield one.frame, {0: one.picture, **earlier}
        before.append(one.picture)
