"""Progress where there is no terminal: a line now and then; and how signals stop the work."""

import signal
import time
from typing import Any, cast
from unittest.mock import Mock

import pytest

from nstd.cli.options import Face
from nstd.cli.progress import LINE_SECONDS, Reporter, reporting
from nstd.config.words import duration_text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def job(name: bytes = b"a.mp4") -> Any:
    found = Mock()
    found.request.key.relative = name
    return found


def iterate(loss: float = 0.5, level: int = 0, step: int = 1) -> Any:
    return cast("Any", Mock(done=(level + step / 10) / 2, losses=Mock(total=[loss])))


def test_a_line_comes_at_most_every_so_often_with_frame_loss_and_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Face(debug=False)) as reporter:
        reporter.began(job(), painted=0, total=10)
        for frame in range(4):
            clock.now += LINE_SECONDS / 2
            reporter.stepped(frame, iterate(0.25))
            reporter.painted(frame)
    lines = capsys.readouterr().err.splitlines()
    # Of each frame a twentieth is done when its step shows: 1.05 frames in 15 s, 3.05 in 30 s.
    assert lines == [
        "a.mp4: frame 2/10, loss 0.2500, about 2 min 8 s left",
        "a.mp4: frame 4/10, loss 0.2500, about 1 min 8 s left",
        "a.mp4: 4 frames painted in 30 s",
    ]


def test_a_film_that_is_continued_says_so_and_counts_from_there(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Face(debug=False)) as reporter:
        reporter.began(job(), painted=8, total=10)
        clock.now += LINE_SECONDS
        reporter.painted(8)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "a.mp4: going on after 8 frames painted before"
    # One frame took as long as the other one will: what was painted before counts for nothing.
    assert second == "a.mp4: frame 10/10, loss …, about 15 s left"


def test_what_was_painted_now_is_told_without_what_was_kept_and_without_what_came_after(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Face(debug=False)) as reporter:
        reporter.began(job(), painted=8, total=10)
        reporter.painted(8)  # kept, in a segment that was not closed
        clock.now += LINE_SECONDS
        reporter.stepped(9, iterate())
        reporter.painted(9)
        clock.now += LINE_SECONDS  # encoding
    assert capsys.readouterr().err.splitlines()[-1] == "a.mp4: 1 frame painted in 15 s"


def test_quiet_is_quiet(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(Face(debug=False, quiet=True)) as reporter:
        reporter.began(job(), painted=8, total=10)
        clock.now += LINE_SECONDS
        reporter.painted(8)
    assert capsys.readouterr() == ("", "")


def test_an_unknown_length_is_no_reason_to_stumble(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Face(debug=False)) as reporter:
        reporter.began(job(b"\xff.mp4"), painted=0, total=0)
        clock.now += LINE_SECONDS
        reporter.painted(0)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "\\udcff.mp4: frame 2/?, loss …"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (90000, "1 d 1 h"),
        (864000, "10 d"),
    ],
)
def test_durations_are_told_in_the_unit_that_matters(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop_and_the_second_is_left_to_the_system(
    number: signal.Signals,
) -> None:
    before = signal.getsignal(number)
    with reporting(Face(debug=False, quiet=True)) as reporter:
        asked = [reporter.stopping]
        signal.raise_signal(number)
        asked.append(reporter.stopping)
        assert asked == [False, True]
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before
