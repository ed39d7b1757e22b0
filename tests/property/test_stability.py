"""The stability tracker against a plain model: any looks, at any times, in any order."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nstd.intake.stability import StabilityTracker
from nstd.ledger.job import FileIdentity

SETTLE = 3.0
BASE = FileIdentity(1, 2, 3, 4, 5)
PATH = Path("/in/film.mp4")

# A look finds one of a few identities, or nothing, after a while; a growing file shows many.
LOOKS = st.lists(st.tuples(st.floats(0, 10), st.one_of(st.none(), st.integers(0, 3))), max_size=40)


def _identity(size: int | None) -> FileIdentity | None:
    return None if size is None else replace(BASE, size=size)


def _reports(tracker: StabilityTracker, looks: list[tuple[float, int | None]]) -> list[int]:
    """At which looks the file was reported."""
    now, reports = 100.0, []
    for number, (passed, size) in enumerate(looks):
        now += passed
        tracker.look(PATH, _identity(size), now)
        reports += [number for _ in tracker.settled()]
    return reports


@given(LOOKS)
def test_a_report_is_backed_by_two_equal_looks_far_enough_apart(
    looks: list[tuple[float, int | None]],
) -> None:
    times = [100.0]
    for passed, _ in looks:
        times.append(times[-1] + passed)
    for number in _reports(StabilityTracker(SETTLE), looks):
        # The unbroken run of looks that found what this one found.
        run = [number]
        while run[0] > 0 and looks[run[0] - 1][1] == looks[number][1]:
            run.insert(0, run[0] - 1)
        assert looks[number][1] is not None
        assert len(run) >= 2
        # times[i + 1] is that of look i
        assert times[number + 1] - times[run[0] + 1] >= SETTLE


@given(LOOKS)
def test_no_identity_is_reported_twice_in_a_row(looks: list[tuple[float, int | None]]) -> None:
    reports = _reports(StabilityTracker(SETTLE), looks)
    for one, two in pairwise(reports):
        between = [size for _, size in looks[one : two + 1]]
        # Either the content changed, or the file was away in between.
        assert looks[one][1] != looks[two][1] or None in between


@given(LOOKS)
def test_a_file_left_in_peace_is_reported(looks: list[tuple[float, int | None]]) -> None:
    tracker = StabilityTracker(SETTLE)
    now = 100.0 + sum(passed for passed, _ in looks)
    _reports(tracker, looks)
    final = replace(BASE, size=99)
    reported = []
    tracker.note(PATH, now)
    for _ in range(3):
        # Looks only when the tracker asks for one.
        for path in tracker.due(now):
            tracker.look(path, final, now)
        reported += [identity for _, identity in tracker.settled()]
        now += SETTLE
    assert reported == [final]
    assert tracker.due(now + 1e6) == []


@given(st.lists(st.sampled_from(["look", "fail", "note", "back"]), max_size=40))
def test_a_file_that_is_there_is_never_forgotten(steps: list[str]) -> None:
    tracker = StabilityTracker(SETTLE)
    now, reported = 1000.0, 0
    tracker.look(PATH, BASE, now)
    for step in steps:
        if step == "look":
            tracker.look(PATH, BASE, now)
        elif step == "fail":
            tracker.failed(PATH, now)
        elif step == "note":
            tracker.note(PATH, now)
        else:
            now -= 500.0  # the clock is set back
        reported += len(list(tracker.settled()))
        now += 1.0
    failing = bool(steps) and "fail" in steps
    for _ in range(400):
        now += SETTLE
        for path in tracker.due(now):
            tracker.look(path, BASE, now)
        reported += len(list(tracker.settled()))
    assert PATH in tracker
    # Once; and once more after each failure at the most.
    assert 1 <= reported <= 1 + steps.count("fail") * failing
    assert tracker.unsettled == []
