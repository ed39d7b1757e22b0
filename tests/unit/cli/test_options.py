"""What commands share: results as text or JSON, and the exit code they amount to."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from nstd.cli.options import Common, print_data, print_event, report, shown
from nstd.errors import DeviceError, Interrupted, NstdError, UnreadableError
from nstd.ledger.job import Job, JobKey, JobRequest, JobState
from nstd.work.result import Result

GOOD = Result(Path("/in/a.mp4"), Path("/out/a.mp4"), None)
KEPT = Result(Path("/in/k.mp4"), Path("/out/k.mp4"), None, kept=True)
GONE = replace(KEPT, gone=True)


def failed(error: NstdError) -> Result:
    return Result(Path("/in/b.mp4"), Path("/out/b.mp4"), error)


def test_targets_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    report([GOOD, GOOD], Common())
    assert capsys.readouterr() == ("/out/a.mp4\n/out/a.mp4\n", "")


def test_one_input_ends_it_with_its_errors_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        report([failed(DeviceError("It smokes", "Put it out"))], Common())
    assert ended.value.exit_code == 69
    assert capsys.readouterr() == ("", "nstd: /in/b.mp4: It smokes. Put it out.\n")


def test_an_error_that_names_its_input_is_not_headed_by_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit):
        report([failed(UnreadableError("/in/b.mp4 is torn", "Mend it"))], Common())
    assert capsys.readouterr() == ("", "nstd: /in/b.mp4 is torn. Mend it.\n")


@pytest.mark.parametrize(
    ("source", "problem", "said"),
    [
        (
            "/in/a.mp4",
            "/in/a.mp4.painted.mkv is there",
            "/in/a.mp4: /in/a.mp4.painted.mkv is there",
        ),
        ("/in/\udcff.mp4", "/in/\udcff.mp4 is torn", "/in/\\udcff.mp4 is torn"),
    ],
)
def test_what_only_begins_or_looks_like_it_is_told_apart(
    source: str, problem: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        report([Result(Path(source), None, UnreadableError(problem, "Mend it"))], Common())
    assert capsys.readouterr().err == f"nstd: {said}. Mend it.\n"


def test_of_several_inputs_some_that_fail_end_it_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as ended:
        report([GOOD, failed(DeviceError("It smokes", "Put it out"))], Common())
    assert ended.value.exit_code == 1
    assert capsys.readouterr().out == "/out/a.mp4\n"


def test_json_has_every_result_and_nothing_else_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    look = {"styles": [{"image": "/frozen/1.jpg", "name": "waves.jpg"}, {"image": "/frozen/2.jpg"}]}
    request = JobRequest(JobKey(b"/in", b"a.mp4", "f", "night"), b"/in/a.mp4", b"/out/a.mp4", look)
    report_of = {"reader": "opencv"}
    job = Job(7, request, JobState.DONE, 1, 0.0, 0.0, frames_done=48, report=report_of)
    results = [
        replace(GOOD, job=job, seconds=12.3456),
        Result(Path("/in/b.mp4"), None, UnreadableError("It is torn", "Mend it")),
        failed(Interrupted("It was stopped", "Go on")),
    ]
    none: dict[str, Any] = {"recipe": None, "styles": [], "frames": None, "seconds": None}
    none["report"] = {}
    rows: list[dict[str, Any]] = [
        {
            "source": "/in/a.mp4", "target": "/out/a.mp4", "recipe": "night",
            "styles": ["waves.jpg", "/frozen/2.jpg"], "frames": 48, "seconds": 12.346,
            "report": {"reader": "opencv"},
            "error": None, "kind": None, "kept": False, "gone": False, "stopped": False,
        },
        {
            "source": "/in/b.mp4", "target": None, **none,
            "error": "It is torn. Mend it.", "kind": "UnreadableError",
            "kept": False, "gone": False, "stopped": False,
        },
        {
            "source": "/in/b.mp4", "target": "/out/b.mp4", **none,
            "error": "It was stopped. Go on.", "kind": "Interrupted",
            "kept": False, "gone": False, "stopped": True,
        },
    ]  # fmt: skip
    with pytest.raises(typer.Exit):
        report(results, Common(json=True))
    assert json.loads(capsys.readouterr().out) == rows
    with pytest.raises(typer.Exit):
        report(results, Common(json_progress=True), lambda _: None)
    (line,) = capsys.readouterr().out.splitlines()
    rows[0]["recipe"] = None
    assert json.loads(line) == {"event": "ended", "results": rows}


@pytest.mark.parametrize(
    ("results", "quiet", "said"),
    [
        ([KEPT], False, "It was painted before and is left as it is\n"),
        ([GOOD, KEPT, KEPT], False, "2 of 3 were painted before and are left as they are\n"),
        ([GOOD, KEPT], False, "1 of 2 was painted before and is left as it is\n"),
        ([KEPT], True, ""),
        ([GOOD], False, ""),
    ],
)
def test_what_was_there_before_is_told_from_what_was_painted(
    results: list[Result], quiet: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report(results, Common(quiet=quiet))
    told = capsys.readouterr()
    assert told.out.splitlines() == [str(one.target) for one in results]
    assert told.err == said


def test_a_name_that_is_no_text_is_shown_with_its_bytes() -> None:
    assert shown(Path(os.fsdecode(b"/in/\xff\xc3\xa4.mp4"))) == "/in/\\udcffä.mp4"
    assert shown(Path("/in/ä [b].mp4")) == "/in/ä [b].mp4"


def test_what_was_painted_and_is_gone_is_not_said_to_be_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report([KEPT, GONE], Common())
    told = capsys.readouterr()
    assert told.out == "/out/k.mp4\n"
    assert told.err == (
        "/out/k.mp4 was painted before, and is not there any more. "
        "`nstd add --again` queues /in/k.mp4 anew.\n"
        "1 of 2 was painted before and is left as it is\n"
    )


def test_json_is_text_whatever_names_it_holds(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    data = {"source": os.fsdecode(b"/in/caf\xe9\n\x1b.mp4"), "ß": "語"}
    for show in (print_data, print_event):
        show(data)
        assert json.loads(capsysbinary.readouterr().out.decode("utf-8")) == data
