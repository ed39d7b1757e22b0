"""Progress where there is no terminal: a line now and then; and how signals stop the work."""

import io
import json
import signal
import time
from typing import Any, cast
from unittest.mock import Mock

import pytest

from nstd.cli.options import Common
from nstd.cli.progress import Reporter, reporting
from nstd.config.words import duration_text
from nstd.errors import Interrupted

LINE_SECONDS = 15
"""A line comes at most this often."""


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
    found.request.source, found.request.target = b"/in/" + name, b"/out/" + name
    return found


def iterate(loss: float = 0.5, level: int = 0, step: int = 1) -> Any:
    return cast("Any", Mock(done=(level + step / 10) / 2, losses=Mock(total=[loss])))


def test_a_line_comes_at_most_every_so_often_with_frame_loss_and_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common()) as reporter:
        reporter.began(job(), painted=0, total=10)
        for frame in range(4):
            clock.now += LINE_SECONDS / 2
            reporter.stepped(frame, iterate(0.25))
            reporter.painted(frame)
    lines = capsys.readouterr().err.splitlines()
    # Of each frame a twentieth is done when its step shows: 1.05 frames in 15 s, and 2.05 in the
    # 22.5 s after the first.
    assert lines == [
        "a.mp4: frame 2/10, loss 0.2500, 2 min 8 s left at the first frame's pace",
        "a.mp4: frame 4/10, loss 0.2500, about 1 min 16 s left",
        "a.mp4: 4 frames painted in 30 s",
    ]


def test_a_first_frame_that_takes_longer_does_not_count_for_the_later_ones(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common()) as reporter:
        reporter.began(job(), painted=0, total=12)
        clock.now += LINE_SECONDS
        reporter.stepped(0, iterate(level=1, step=10))
        reporter.painted(0)
        for frame in range(1, 6):
            clock.now += LINE_SECONDS / 5
            reporter.stepped(frame, iterate(level=1, step=10))
            reporter.painted(frame)
    first, later, _ = capsys.readouterr().err.splitlines()
    assert first == "a.mp4: frame 2/12, loss 0.5000, 2 min 45 s left at the first frame's pace"
    # Six frames at 3 s each.
    assert later == "a.mp4: frame 7/12, loss 0.5000, about 18 s left"


def test_of_a_film_that_is_continued_only_what_is_painted_now_tells_how_long_it_takes(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common()) as reporter:
        reporter.began(job(), painted=80, total=100)
        for kept in range(80, 90):  # of the segment that was not closed
            clock.now += 0.5
            reporter.painted(kept)
        for frame in (90, 91):
            clock.now += 2 * LINE_SECONDS
            reporter.stepped(frame, iterate(level=1, step=10))
            reporter.painted(frame)
    first, *lines, last = capsys.readouterr().err.splitlines()
    assert first == "a.mp4: going on after 80 frames painted before"
    # 9 or 8 frames more, at 30 s each; by all that were passed by it would be less than a minute.
    assert lines[-1] == "a.mp4: frame 93/100, loss 0.5000, about 4 min left"
    assert last == "a.mp4: 2 frames painted in 1 min"


def test_what_is_all_painted_is_not_said_to_go_on(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common()) as reporter:
        reporter.began(job(), painted=2, total=2)
    said = capsys.readouterr().err
    assert said == "a.mp4: 2 frames painted before, so none is left to paint\n"


def test_of_several_inputs_each_line_says_which_it_is_and_how_long_all_take(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common()) as reporter:
        for number, name in enumerate((b"a.png", b"b.png"), 1):
            reporter.turn(number, 30)
            reporter.doing("reading the picture")
            reporter.began(job(name), painted=0, total=1)
            clock.now += LINE_SECONDS
            reporter.stepped(0, iterate(level=1, step=10))
            reporter.painted(0)
        reporter.turn(3, 30)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 30: reading the picture",
        "a.png (1 of 30): frame 1/1, loss 0.5000, about 0 s left, about 7 min 15 s left in all",
        "a.png: 1 frame painted in 15 s",
        "b.png (2 of 30): frame 1/1, loss 0.5000, about 0 s left, about 7 min left in all",
        "b.png: 1 frame painted in 15 s",
    ]


def test_what_is_done_before_the_first_frame_is_said_at_once_and_not_all_too_often(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common()) as reporter:
        for what, seconds in (("loading PyTorch", 5.0), ("loading the network", 0.5),
                              ("reading the film", 3.0), ("computing the style", 1.0)):  # fmt: skip
            reporter.doing(what)
            reporter.doing(what)
            clock.now += seconds
        reporter.stop()
        with pytest.raises(Interrupted, match="before painting"):
            reporter.doing("painting")
    assert capsys.readouterr().err.splitlines() == [
        "Loading PyTorch", "Loading the network", "Computing the style",
    ]  # fmt: skip


def test_events_are_a_line_of_json_each_and_nothing_else_is_said(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common(json_progress=True)) as reporter:
        reporter.doing("loading PyTorch")
        reporter.turn(2, 3)
        reporter.began(job(b"\xff\n.mp4"), painted=4, total=8)
        clock.now += LINE_SECONDS
        reporter.painted(4)
        clock.now += LINE_SECONDS
        reporter.stepped(5, iterate())
        reporter.painted(5)
    out, said = capsys.readouterr()
    assert said == ""
    assert [json.loads(line) for line in out.splitlines()] == [
        {"event": "doing", "what": "loading PyTorch"},
        {"event": "began", "source": "/in/\\udcff\\n.mp4", "target": "/out/\\udcff\\n.mp4",
         "number": 2, "count": 3, "painted": 4, "total": 8},
        {"event": "painted", "painted": 5, "total": 8, "seconds_left": None},
        {"event": "painted", "painted": 6, "total": 8, "seconds_left": 30.0},
    ]  # fmt: skip


class Terminal(io.StringIO):
    """A terminal of 120 columns."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_first_thing_is_there_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Reporter(Common()) as reporter:
        reporter.doing("loading PyTorch")
        assert "Loading PyTorch" in terminal.getvalue()
        reporter.turn(2, 30)
        reporter.began(job(b"[b].mp4"), painted=0, total=4)
        reporter.stepped(0, iterate())
    said = terminal.getvalue()
    assert "[b].mp4 (2 of 30)" in said
    assert "frame 1/4, loss 0.5000" in said
    assert "All" in said


def test_what_was_painted_now_is_told_without_what_was_kept_and_without_what_came_after(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common()) as reporter:
        reporter.began(job(), painted=8, total=10)
        reporter.painted(8)  # kept, in a segment that was not closed
        clock.now += LINE_SECONDS
        reporter.stepped(9, iterate())
        reporter.painted(9)
        clock.now += LINE_SECONDS  # encoding
    assert capsys.readouterr().err.splitlines()[-1] == "a.mp4: 1 frame painted in 15 s"


def test_quiet_is_quiet(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(Common(quiet=True)) as reporter:
        reporter.began(job(), painted=8, total=10)
        clock.now += LINE_SECONDS
        reporter.painted(8)
    assert capsys.readouterr() == ("", "")


def test_an_unknown_length_is_no_reason_to_stumble(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reporter(Common()) as reporter:
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
    with reporting(Common(quiet=True)) as reporter:
        asked = [reporter.stopping]
        signal.raise_signal(number)
        asked.append(reporter.stopping)
        assert asked == [False, True]
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before
