"""Work ahead: in order, no farther than allowed, errors in their place, closed at the end."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from nstd.errors import TruncatedError
from nstd.flow.ahead import Ahead, Flowed, Pictured, with_flows
from nstd.flow.estimator import Flow, ImageU8

PATIENCE_S = 60
"""Of a test that would otherwise hang for ever; never waited for where all is well."""


def squared(number: int) -> int:
    return number * number


def threads() -> set[str]:
    return {one.name for one in threading.enumerate() if one.name.startswith("ahead")}


@pytest.mark.parametrize(("depth", "workers"), [(1, 1), (3, 1), (2, 4), (8, 3)])
def test_all_results_come_in_order(depth: int, workers: int) -> None:
    with Ahead(range(50), squared, depth=depth, threads=workers) as ahead:
        assert list(ahead) == [n * n for n in range(50)]
    assert list(ahead) == []
    assert not threads()


def test_work_goes_on_while_a_result_is_used_but_no_farther_than_the_depth() -> None:
    taken: list[int] = []
    worked = {number: threading.Event() for number in range(20)}

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        worked[number].set()
        return number

    with Ahead(items(), work, depth=3) as ahead:
        assert next(ahead) == 0
        for number in (1, 2, 3):
            assert worked[number].wait(PATIENCE_S)
        # Three are ready and nobody takes one: the fifth may not even be read.
        assert taken == [0, 1, 2, 3]
        assert next(ahead) == 1
        assert worked[4].wait(PATIENCE_S)
        assert taken == [0, 1, 2, 3, 4]


def test_items_are_worked_on_at_once_and_read_by_one_thread_alone() -> None:
    together = threading.Barrier(3)
    readers: set[str] = set()

    def items() -> Iterator[int]:
        for number in range(9):
            readers.add(threading.current_thread().name)
            yield number

    def work(number: int) -> int:
        together.wait(PATIENCE_S)  # passes only if three are at it
        return number

    with Ahead(items(), work, depth=6, threads=3) as ahead:
        assert list(ahead) == list(range(9))
    assert len(readers) == 1
    assert threading.current_thread().name not in readers


def test_an_error_of_the_items_comes_after_all_that_was_read() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise TruncatedError("film.mp4 ends early")

    found: list[int] = []
    ahead = Ahead(items(), squared, depth=4, threads=2)
    with pytest.raises(TruncatedError, match="ends early"):
        found.extend(ahead)
    assert found == [0, 1, 4, 9, 16]
    assert list(ahead) == []
    assert not threads()


def test_an_error_of_the_work_comes_in_its_place_and_ends_it() -> None:
    closed = []

    def items() -> Iterator[int]:
        try:
            yield from range(9)
        finally:
            closed.append(True)

    def work(number: int) -> float:
        return 1 / (number - 3)

    found: list[float] = []
    ahead = Ahead(items(), work, depth=4, threads=2)
    with pytest.raises(ZeroDivisionError):
        found.extend(ahead)
    assert len(found) == 3
    assert closed == [True]
    assert list(ahead) == []
    assert not threads()


def test_work_that_raises_stop_iteration_does_not_look_like_the_end() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise StopIteration
        return number

    found: list[int] = []
    ahead = Ahead(range(9), work, depth=4, threads=2)
    with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
        found.extend(ahead)
    assert isinstance(caught.value.__cause__, StopIteration)
    assert found == [0, 1, 2]
    assert list(ahead) == []
    assert not threads()


def test_closing_waits_for_what_runs_drops_the_rest_and_closes_the_items() -> None:
    closed: list[str] = []
    running, go_on = threading.Event(), threading.Event()
    worked: list[int] = []

    def items() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append("items")

    def work(number: int) -> int:
        if number == 1:
            running.set()
            go_on.wait(PATIENCE_S)
        worked.append(number)
        return number

    ahead = Ahead(items(), work, depth=8)
    assert next(ahead) == 0
    assert running.wait(PATIENCE_S)
    threading.Timer(0.05, go_on.set).start()
    ahead.close()
    assert worked == [0, 1]  # the one that ran was waited for, those that had not begun were not
    assert closed == ["items"]
    assert not threads()
    ahead.close()
    assert list(ahead) == []


@dataclass(frozen=True)
class Numbered:
    """A frame whose picture is its number."""

    number: int
    cut: bool = False

    @property
    def image(self) -> ImageU8:
        return np.full((4, 5, 3), self.number, dtype=np.uint8)

    def pictured(self, first: int = 0) -> Pictured["Numbered"]:
        return Pictured(self, self.image, self.cut, self.number >= first)


class Telling:
    """The flow tells of which frames it is."""

    def estimate(self, earlier: ImageU8, later: ImageU8) -> tuple[Flow, Flow]:
        return torch.tensor([float(earlier[0, 0, 0]), float(later[0, 0, 0])]), torch.zeros(2)


def flows(
    frames: list[Numbered], distances: tuple[int, ...], first: int = 0
) -> dict[int, dict[int, list[float]]]:
    with with_flows(
        (frame.pictured(first) for frame in frames),
        Telling(),
        distances,
        depth=3,
        threads=2,
    ) as ahead:
        found: list[Flowed[Numbered]] = list(ahead)
    return {
        one.frame.number: {distance: pair[0].tolist() for distance, pair in one.flows.items()}
        for one in found
    }


def test_each_frame_has_flows_to_the_frames_at_the_distances() -> None:
    found = flows([Numbered(n) for n in range(5)], (1, 3))
    assert found == {
        0: {},
        1: {1: [0.0, 1.0]},
        2: {1: [1.0, 2.0]},
        3: {1: [2.0, 3.0], 3: [0.0, 3.0]},
        4: {1: [3.0, 4.0], 3: [1.0, 4.0]},
    }


def test_no_flow_leads_across_a_cut() -> None:
    found = flows([Numbered(n, cut=n == 3) for n in range(6)], (1, 2))
    assert found[3] == {}
    assert found[4] == {1: [3.0, 4.0]}
    assert found[5] == {1: [4.0, 5.0], 2: [3.0, 5.0]}


def test_frames_painted_before_give_their_picture_and_are_not_yielded() -> None:
    frames = [Numbered(n, cut=n == 1) for n in range(6)]
    every = flows(frames, (1, 2))
    assert flows(frames, (1, 2), first=4) == {4: every[4], 5: every[5]}


def test_without_distances_there_are_no_flows() -> None:
    assert flows([Numbered(0), Numbered(1)], ()) == {0: {}, 1: {}}


def test_pictures_are_those_of_the_frame_and_of_all_that_flow_leads_to() -> None:
    frames = [Numbered(n) for n in range(5)]
    with with_flows((one.pictured() for one in frames), Telling(), (1, 3)) as ahead:
        found = [{by: int(image[0, 0, 0]) for by, image in one.pictures.items()} for one in ahead]
    assert found == [{0: 0}, {0: 1, 1: 0}, {0: 2, 1: 1}, {0: 3, 1: 2, 3: 0}, {0: 4, 1: 3, 3: 1}]
