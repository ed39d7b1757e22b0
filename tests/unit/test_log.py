"""The log, and every sentence of an error: no file's name can forge a line or reach a terminal."""

import logging
import os
import re
import sys
from pathlib import Path

import pytest

from nstd.errors import ConfigError, NstdError, UnreadableError, visible
from nstd.log import set_up_logging

NAMES = {
    "line feed": "a\nERROR: forged.mp4",
    "carriage return": "a\rERROR: forged.mp4",
    "escape code": "\x1b]0;title\x07\x1b[2J.mp4",
    "C1 code": "\x9b2J.mp4",
    "turned": "gpj.\u202e4pm",
    "isolated": "\u2066a\u2069.mp4",
    "line separator": "a\u2028b\x85c.mp4",
    "no text": os.fsdecode(b"\xff\xfe.mp4"),
}


def logger() -> logging.Logger:
    """Called in the test itself: standard error is another one before it."""
    set_up_logging("info", debug=False)
    return logging.getLogger("nstd.test")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    text = capsys.readouterr().err
    assert text.endswith("\n")
    found = text[:-1].split("\n")
    assert all(line.isprintable() for line in found)
    return found


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_in_the_log_is_one_line_of_plain_characters(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = logger()
    for argument in (name, Path(name), OSError(2, "No such file", name)):
        log.info("%s is left alone", argument)
        (line,) = lines(capsys)
        assert line.endswith(" is left alone")
    log.info("%d of %s: %r", 3, Path("é ß 語.mp4"), "b.mp4")
    assert lines(capsys)[0].endswith("3 of é ß 語.mp4: 'b.mp4'")


@pytest.mark.logs_errors
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_traceback_holds_no_line_that_looks_like_a_record(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logger().error("Job %d failed", 7, exc_info=ValueError(f"what {name} holds"))
    first, *more = lines(capsys)
    assert first.endswith("Job 7 failed")
    assert any("what " in line for line in more)
    assert all(line.startswith("  ") for line in more)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_what_foreign_code_puts_together_itself_is_harmless_too(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logger().warning(f"cannot open {name}")
    first, *more = lines(capsys)
    assert all(line.startswith("  ") for line in more)
    assert "cannot open" in first


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_in_an_errors_sentence_is_one_line_of_plain_characters(name: str) -> None:
    error = UnreadableError(f"{name} is empty", f"Copy {name} again")
    for text in (str(error), error.problem, error.remedy):
        assert text.isprintable()
    assert type(error)(error.problem, error.remedy).problem == error.problem


def test_the_faults_of_a_configuration_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError(["config.yaml:1: a\nb is wrong", "config.yaml:2: c is wrong"])
    assert error.problem.split("\n") == [
        r"config.yaml:1: a\nb is wrong",
        "config.yaml:2: c is wrong",
    ]
    logger().error("It was not read: %s", error)
    assert len(lines(capsys)) == 2


def test_what_is_visible_stays_as_it_is() -> None:
    assert visible("Größe 語 🎞 \\n.mp4") == "Größe 語 🎞 \\n.mp4"
    assert visible(b"caf\xe9") == r"caf\udce9"
    assert visible(Path("a\tb")) == r"a\tb"
    assert str(NstdError("It is dark", "Open\nit")) == r"It is dark. Open\nit."


@pytest.mark.logs_errors
def test_the_journal_is_told_each_lines_priority_and_no_time(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = os.fstat(sys.stderr.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino}")
    set_up_logging("debug", debug=False, dated=True)
    log = logging.getLogger("nstd.test")
    for say in (log.debug, log.info, log.warning, log.error, log.critical):
        say("a")
    log.error("Job %d failed", 7, exc_info=ValueError("torn\nin two"))
    lines = capfd.readouterr().err.splitlines()
    assert lines[:5] == [
        "<7>DEBUG: a", "<6>INFO: a", "<4>WARNING: a", "<3>ERROR: a", "<3>CRITICAL: a",
    ]  # fmt: skip
    assert lines[5] == "<3>ERROR: Job 7 failed"
    assert len(lines) > 7
    assert all(line.startswith("<3>  ") for line in lines[6:])


@pytest.mark.parametrize("stream", [None, "8:1", "no stream"])
def test_elsewhere_a_line_of_what_runs_for_days_begins_with_its_time(
    stream: str | None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if stream is None:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    else:
        monkeypatch.setenv("JOURNAL_STREAM", stream)  # of another file: it was redirected since
    set_up_logging("info", debug=False, dated=True)
    logging.getLogger("nstd.test").info("a")
    set_up_logging("info", debug=False)
    logging.getLogger("nstd.test").info("b")
    dated, plain = capfd.readouterr().err.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO: a", dated)
    assert plain == "INFO: b"
