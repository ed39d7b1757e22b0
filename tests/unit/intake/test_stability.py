"""When a file counts as settled, told by examples; the clock is the test's own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nstd.intake.stability import StabilityTracker
from nstd.intake.writers import Standing
from nstd.ledger.job import FileIdentity

FILM = Path("/in/film.mp4")
SMALL = FileIdentity(1, 2, 1000, 4, 5)
LARGE = replace(SMALL, size=2000, mtime_ns=14, ctime_ns=15)


@pytest.fixture
def tracker() -> StabilityTracker:
    return StabilityTracker(10.0)


def _settled(tracker: StabilityTracker) -> list[tuple[Path, FileIdentity]]:
    return list(tracker.settled())


@pytest.mark.parametrize("field", ["device", "inode", "size", "mtime_ns", "ctime_ns"])
def test_any_change_begins_the_wait_anew(tracker: StabilityTracker, field: str) -> None:
    tracker.look(FILM, SMALL, 100)
    tracker.look(FILM, replace(SMALL, **{field: 99}), 110)
    assert _settled(tracker) == []


def test_a_settled_file_that_is_overwritten_settles_again(tracker: StabilityTracker) -> None:
    tracker.look(FILM, SMALL, 100)
    tracker.look(FILM, SMALL, 110)
    assert _settled(tracker) == [(FILM, SMALL)]
    assert tracker.look(FILM, LARGE, 120)
    assert _settled(tracker) == []
    tracker.look(FILM, LARGE, 130)
    assert _settled(tracker) == [(FILM, LARGE)]


def test_looks_are_asked_for_until_a_file_has_settled(tracker: StabilityTracker) -> None:
    tracker.note(FILM, 100)
    assert tracker.due(99) == []
    assert tracker.due(100) == [FILM]
    tracker.look(FILM, SMALL, 100)
    assert tracker.due(109) == []
    assert tracker.due(110) == [FILM]
    tracker.look(FILM, SMALL, 110)
    list(tracker.settled())
    assert tracker.due(1e9) == []
    tracker.note(FILM, 200)
    assert tracker.due(200) == [FILM]


def test_a_file_that_cannot_be_looked_at_is_tried_with_growing_waits(
    tracker: StabilityTracker,
) -> None:
    now, waits = 100.0, []
    for _ in range(8):
        waits.append(tracker.failed(FILM, now))
        assert FILM in tracker
        assert tracker.due(now + waits[-1] - 0.1) == []
        now += waits[-1]
        assert tracker.due(now) == [FILM]
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_what_failed_after_settling_is_reported_again_after_its_wait(
    tracker: StabilityTracker,
) -> None:
    tracker.look(FILM, SMALL, 100)
    tracker.look(FILM, SMALL, 110)
    assert _settled(tracker) == [(FILM, SMALL)]
    assert tracker.failed(FILM, 110) == 10
    tracker.look(FILM, SMALL, 115)  # a scan that comes by does not shorten the wait
    assert _settled(tracker) == []
    assert tracker.due(120) == [FILM]
    tracker.look(FILM, SMALL, 120)
    assert _settled(tracker) == [(FILM, SMALL)]
    assert tracker.failed(FILM, 120) == 20  # and the next wait is longer


def test_new_content_ends_the_wait_after_a_failure(tracker: StabilityTracker) -> None:
    for now in (100, 110, 130, 170):
        tracker.failed(FILM, now)
    tracker.look(FILM, LARGE, 171)
    tracker.look(FILM, LARGE, 181)
    assert _settled(tracker) == [(FILM, LARGE)]
    assert tracker.failed(FILM, 181) == 10


def test_a_clock_set_back_begins_the_wait_anew(tracker: StabilityTracker) -> None:
    tracker.look(FILM, SMALL, 10_000)
    tracker.look(FILM, SMALL, 500)
    tracker.look(FILM, SMALL, 509)
    assert _settled(tracker) == []
    tracker.look(FILM, SMALL, 510)
    assert _settled(tracker) == [(FILM, SMALL)]


def test_a_clock_set_back_does_not_put_off_looks_for_years(tracker: StabilityTracker) -> None:
    tracker.look(FILM, SMALL, 1e9)
    tracker.failed(Path("/in/other.mp4"), 1e9)
    assert set(tracker.due(0)) == {FILM, Path("/in/other.mp4")}


def test_reports_not_taken_come_the_next_time(tracker: StabilityTracker) -> None:
    paths = [Path(f"/in/{number}.mp4") for number in range(3)]
    for now in (100, 110):
        for path in paths:
            tracker.look(path, SMALL, now)
    taken, _ = next(tracker.settled())
    rest = [path for path, _ in tracker.settled()]
    assert [taken, *rest] == paths


def test_unsettled_files_are_named(tracker: StabilityTracker) -> None:
    tracker.look(FILM, SMALL, 100)
    tracker.note(Path("/in/other.mp4"), 100)
    assert set(tracker.unsettled) == {FILM, Path("/in/other.mp4")}
    tracker.look(FILM, SMALL, 110)
    list(tracker.settled())
    assert tracker.unsettled == [Path("/in/other.mp4")]
    assert len(tracker.paths) == 2


def test_what_is_ready_is_what_would_be_reported(tracker: StabilityTracker) -> None:
    tracker.look(FILM, SMALL, 100)
    assert tracker.ready == []
    tracker.look(FILM, SMALL, 110)
    assert tracker.ready == [FILM]
    tracker.failed(FILM, 110)
    assert tracker.ready == []
    tracker.look(FILM, SMALL, 130)
    assert tracker.ready == [FILM]
    assert _settled(tracker) == [(FILM, SMALL)]
    assert tracker.ready == []


# --- those who write -------------------------------------------------------------------------


def _first_settled(tracker: StabilityTracker, standing: Callable[[float], Standing]) -> float:
    """When a file that looks the same from 100 on may go, by what is known of its writers."""
    for now in range(100, 500):
        tracker.look(FILM, SMALL, now)
        for path, _ in tracker.settled():
            if not tracker.must_wait(path, standing(now), now):
                return now
    pytest.fail("It never may")


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (lambda _: Standing.CLOSED, 110),
        (lambda _: Standing.UNKNOWN, 160),
        # However long it was open, it rests from then on.
        (lambda now: Standing.OPEN if now < 200 else Standing.CLOSED, 210),
        # What was known is not any more, after lost events.
        (lambda now: Standing.OPEN if now < 195 else Standing.UNKNOWN, 260),
    ],
)
def test_a_file_waits_for_those_who_write_to_it(
    standing: Callable[[float], Standing], expected: float
) -> None:
    tracker = StabilityTracker(10.0, unsure_seconds=60.0)
    assert _first_settled(tracker, standing) == expected
    assert _settled(tracker) == []


def test_the_longer_rest_is_never_the_shorter_one() -> None:
    tracker = StabilityTracker(10.0, unsure_seconds=1.0)
    assert _first_settled(tracker, lambda _: Standing.UNKNOWN) == 110


def test_a_file_that_waits_for_its_writer_is_not_asked_for_at_every_look() -> None:
    tracker = StabilityTracker(10.0, unsure_seconds=1000.0)
    tracker.look(FILM, SMALL, 100)
    tracker.look(FILM, SMALL, 110)
    for path, _ in tracker.settled():
        assert tracker.must_wait(path, Standing.UNKNOWN, 110)
    assert tracker.due(1099) == []
    assert tracker.due(1100) == [FILM]


def test_what_a_file_failed_by_may_be_mended_and_ends_its_wait_alone() -> None:
    tracker = StabilityTracker(10.0)
    other = Path("/in/other.mp4")
    for path in (FILM, other):
        tracker.look(path, SMALL, 100)
        tracker.look(path, SMALL, 110)
    assert len(_settled(tracker)) == 2
    for now in (110, 111, 112):
        tracker.failed(FILM, now)
        tracker.failed(other, now)
    tracker.end_waits(lambda path: path == FILM, 113)
    assert tracker.due(113) == [FILM]
    tracker.look(FILM, SMALL, 113)
    assert _settled(tracker) == [(FILM, SMALL)]
    # The next wait is the first again.
    assert tracker.failed(FILM, 114) == 10
