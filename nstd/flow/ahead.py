"""Work done ahead, in threads of its own, while whoever takes its results is busy with others."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from nstd.flow.estimator import Estimator, Flow, Image

T = TypeVar("T")
R = TypeVar("R")


class _End:
    """Stands where there is no further item."""


_END: Final = _End()


class Ahead(Generic[T, R]):
    """`work` of each of `items`, in their order, a few of them done before they are asked for.

    Items are taken by one thread, one after the other, and worked on by others. An error of either
    is raised where its result would have come, after all before it; then it is over. Close it, or
    use it in a `with`: that waits for what is running, drops the rest, and closes `items`.

    Args:
        items: Taken from in a thread; a generator is closed with this.
        work: Done to each item, in a thread.
        depth: How many results may be under way or waiting, at most.
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
class Flowed(Generic[T]):
    """A frame with the flow between it and earlier ones of its shot.

    Attributes:
        frame: As it came.
        flows: By distance in frames: backward and forward flow. There is none to frames before the
            shot's first.
        pictures: By distance, those earlier frames' pictures; by 0 its own.
    """

    frame: T
    flows: Mapping[int, tuple[Flow, Flow]]
    pictures: Mapping[int, Image]


def with_flows(
    frames: Iterable[T],
    estimator: Estimator,
    distances: Sequence[int],
    *,
    image: Callable[[T], Image],
    begins_shot: Callable[[T], bool],
    wanted: Callable[[T], bool] = lambda _: True,
    depth: int = 4,
    threads: int = 1,
) -> Ahead[tuple[T, dict[int, Image], Image], Flowed[T]]:
    """The wanted ones of `frames`, each with its flows, computed ahead.

    Args:
        frames: One after the other, none left out.
        estimator: Called by `threads` threads at once.
        distances: How far back the earlier frames lie, in frames.
        image: A frame's picture, at the size that is painted; called once a frame.
        begins_shot: Whether a new shot begins with a frame: no flow leads across.
        wanted: Whether a frame is to be yielded. Others only give their picture to later ones, as
            where a film is continued.
        depth: See `Ahead`.
        threads: Likewise.
    """

    def flowed(linked: tuple[T, dict[int, Image], Image]) -> Flowed[T]:
        frame, earlier, later = linked
        flows = {distance: estimator.estimate(one, later) for distance, one in earlier.items()}
        return Flowed(frame, flows, {0: later, **earlier})

    linked = _linked(frames, distances, image, begins_shot, wanted)
    return Ahead(linked, flowed, depth=depth, threads=threads)


def _linked(
    frames: Iterable[T],
    distances: Sequence[int],
    image: Callable[[T], Image],
    begins_shot: Callable[[T], bool],
    wanted: Callable[[T], bool],
) -> Iterator[tuple[T, dict[int, Image], Image]]:
    """Each wanted frame with the pictures of those before it, by distance, and its own."""
    before: deque[Image] = deque(maxlen=max(distances, default=0))
    for frame in frames:
        if begins_shot(frame):
            before.clear()
        picture = image(frame)
        if wanted(frame):
            yield frame, {d: before[-d] for d in distances if d <= len(before)}, picture
        before.append(picture)
