"""`nstd status`, `jobs`, `show`, `retry`, `cancel`, `pause`, `resume` at a ledger in a folder."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nstd.cli import listing, main
from nstd.config import Config
from nstd.ledger.job import Job, JobKey, JobRequest, JobState, Segment
from nstd.ledger.store import JobStore
from nstd.submit.control import daemon_lock
from nstd.submit.sources import placed_recipe

ODD = b"b[red]\n\x1b[2J" + b"\xff.mp4"
"""A name with markup, with what moves a terminal's cursor, and with bytes that are no text."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    keys = {"state_dir": str(tmp_path / "state"), "cache_dir": str(tmp_path / "cache")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(keys))
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        yield store


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, store: JobStore, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; returns its code, output and what it said besides."""

    def one(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--config", str(tmp_path / "config.yaml")])
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return one


def put(store: JobStore, name: bytes = b"a.mp4", recipe: str = "night") -> Job:
    look = {
        "styles": [
            {"image": "/frozen/5678.jpg", "name": "waves.jpg", "weight": 2.0, "scale": 1.0},
            {"image": "/frozen/9abc.jpg", "name": "impasto", "weight": 1.0, "scale": 1.0},
        ],
        "network": "/frozen/1234.safetensors",
        "network_name": "pocket",
        "size": None,
        "levels": [{"long_edge": 256, "steps": 4}],
        "style_layers": ["conv1_1", "conv2_1"],
    }
    key = JobKey(b"/in", name, "f1f2", recipe)
    asked = JobRequest(key, b"/in/" + name, b"/out/" + name, look, {"encode": {"codec": "h264"}})
    return store.enqueue(asked)[0]


def start(store: JobStore, job: Job) -> Job:
    claimed = store.claim("cpu of process 7", lease_seconds=60, job_id=job.id)
    assert claimed is not None
    return claimed


def test_status_tells_who_works_what_runs_how_far_and_what_is_held(
    run: Run, store: JobStore, tmp_path: Path
) -> None:
    job = start(store, put(store))
    store.progress(job, 4, 8)
    store.pause(put(store, b"b.mp4").id)
    put(store, b"c.mp4")
    config = Config.model_validate({"state_dir": tmp_path / "state"})
    with daemon_lock(config, required=True):
        code, out, _ = run("status")
        _, data, _ = run("status", "--json")
    assert code == 0
    lines = out.splitlines()
    assert lines[:2] == [f"An nstd works on {tmp_path}/state", "2 queued, 1 running"]
    (running,) = [line for line in lines if line.startswith("  job 1")]
    assert running.startswith("  job 1  a.mp4  night  4/8 frames  about ")
    assert "  job 2  b.mp4  Paused" in lines
    assert "job 3" not in out
    found = json.loads(data)
    assert found["working"] is True
    assert found["counts"]["queued"] == 2
    assert found["running"][0]["frames_done"] == 4
    assert found["running"][0]["seconds_left"] >= 0
    assert [one["job"] for one in found["held"]] == [2]


def test_status_says_when_nobody_works_and_fits_on_a_screen(run: Run, store: JobStore) -> None:
    for number in range(60):
        store.pause(put(store, b"%d.mp4" % number).id)
    store.fail(start(store, put(store, b"torn.mp4")), "It is torn. Mend it.")
    put(store, b"waits.mp4")
    _, out, _ = run("status")
    assert out.startswith("No nstd works on")
    assert "`nstd run`" in out
    assert "nstd jobs --state failed" in out
    assert "and 52 more" in out
    assert len(out.splitlines()) < 24


def test_status_does_not_take_what_is_done_and_waits_for_a_disk_for_a_job_that_waits(
    run: Run, store: JobStore
) -> None:
    done = store.done(store.publishing(start(store, put(store))))
    store.remark(done, "Its original stays until a disk is back")
    _, out, _ = run("status")
    assert "Its original stays" in out
    assert "What waits is painted by" not in out


def test_jobs_are_listed_page_by_page(run: Run, store: JobStore) -> None:
    for number in range(5):
        put(store, b"%d.mp4" % number)
    pages = [run("jobs", "--json", "-n", "2", *more)[1] for more in ((), ("--before", "4"))]
    assert [[job["job"] for job in json.loads(page)] for page in pages] == [[5, 4], [3, 2]]


def test_jobs_are_a_line_each_the_newest_first_and_never_cut_in_a_pipe(
    run: Run, store: JobStore
) -> None:
    put(store, b"x" * 150 + b".mp4")
    put(store, ODD, placed_recipe("night", Path("/else")))
    sentence = "It is [bold]torn[/bold] " * 20
    store.fail(start(store, put(store, b"c.mp4")), sentence)
    code, out, _ = run("jobs")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["job", "state", "film", "recipe", "frames", "reason"]
    assert [line.split()[0] for line in lines[1:]] == ["3", "2", "1"]
    assert sentence.strip() in lines[1]
    assert lines[2].split()[1:] == ["queued", r"b[red]\n\x1b[2J\udcff.mp4", "night"]
    assert "x" * 150 + ".mp4" in lines[3]
    assert all(line == line.rstrip() for line in lines)


def test_jobs_fit_a_terminal(run: Run, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, b"x" * 150 + b".mp4")
    store.fail(start(store, put(store, b"c.mp4")), "It is torn " * 20)
    monkeypatch.setattr(listing, "_width", lambda: 70)
    _, out, _ = run("jobs")
    lines = out.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 70
    assert lines[1].split()[:4] == ["2", "failed", "c.mp4", "night"]
    assert all(line.count("…") == 1 for line in lines[1:])
    assert lines[2].startswith("  1  queued  xxxx")


def test_jobs_are_chosen_by_state_and_number(run: Run, store: JobStore) -> None:
    for name in (b"a", b"b", b"c"):
        put(store, name)
    store.cancel(2)
    for arguments, numbers in (
        (("--state", "queued"), [3, 1]),
        (("--state", "queued", "--state", "canceled"), [3, 2, 1]),
        (("--limit", "1"), [3]),
        (("--state", "done"), []),
    ):
        _, out, _ = run("jobs", "--json", *arguments)
        assert [one["job"] for one in json.loads(out)] == numbers
    assert run("jobs", "--state", "done")[1:] == ("", "There are none\n")
    code, _, said = run("jobs", "--state", "lost")
    assert code == 2
    assert "lost" in said


def test_show_tells_everything_with_the_networks_name(run: Run, store: JobStore) -> None:
    job = start(store, put(store))
    store.set_plan(job, {"device": "cpu", "threads": 1})
    store.report(job, reader="pyav", reader_reason="It is interlaced")
    store.open_segment(job, Segment(0, 0))
    store.close_segment(job, Segment(0, 0, 3, path="segment-000001.mp4", digest="d"))
    store.fail(job, "It is torn. Mend it.")
    code, out, _ = run("show", "1")
    assert code == 0
    lines = out.splitlines()
    for name, value in (
        ("State:", "failed"),
        ("Reason:", "It is torn. Mend it."),
        ("Source:", "/in/a.mp4"),
        ("Target:", "/out/a.mp4"),
    ):
        assert f"{name:12}{value}" in lines
    assert "  network: pocket (/frozen/1234.safetensors)" in lines
    assert "  styles: waves.jpg (weight 2), impasto" in lines
    assert "5678" not in out
    assert "  style_layers: conv1_1, conv2_1" in lines
    assert "  levels: long_edge=256 steps=4" in lines
    assert "  encode: codec=h264" in lines
    assert "  threads: 1" in lines
    assert "  reader_reason: It is interlaced" in lines
    assert "size" not in out
    (ended,) = [line for line in lines if "running → failed" in line]
    assert ended.endswith("It is torn. Mend it.")
    data = json.loads(run("show", "1", "--json")[1])
    assert [(one["last"], one["path"]) for one in data["segments"]] == [(3, "segment-000001.mp4")]
    assert data["recipe_frozen"]["network_name"] == "pocket"
    assert data["report"]["reader"] == "pyav"
    assert [event["after"] for event in data["events"]] == [
        "queued",
        "running",
        "running",
        "failed",
    ]


def test_show_of_no_job_is_a_sentence(run: Run) -> None:
    code, out, said = run("show", "9")
    assert (code, out, said) == (1, "", "nstd: There is no job 9. `nstd jobs` lists them.\n")


@pytest.mark.parametrize(
    ("verb", "prepare", "line"),
    [
        ("pause", [], "Job 1: queued, paused"),
        ("resume", ["pause"], "Job 1: queued"),
        ("cancel", [], "Job 1: canceled"),
        ("retry", ["cancel"], "Job 1: queued"),
    ],
)
def test_a_verb_says_what_the_job_is_now(
    run: Run, store: JobStore, verb: str, prepare: list[str], line: str
) -> None:
    job = put(store)
    for step in prepare:
        getattr(store, step)(job.id)
    code, out, said = run(verb, "1")
    assert (code, out) == (0, f"{line}\n")
    assert ("this waits for `nstd run`" in said) is line.startswith("Job 1: queued")


def test_of_several_the_good_are_done_and_the_others_named(run: Run, store: JobStore) -> None:
    put(store)
    code, out, said = run("cancel", "8", "1")
    assert (code, out) == (1, "Job 1: canceled\n")
    assert said == "nstd: There is no job 8. `nstd jobs` lists them.\n"
    code, out, _ = run("retry", "8", "1", "--json")
    data: list[dict[str, Any]] = json.loads(out)
    assert code == 1
    assert [(one["job"], one.get("state"), one["error"] is None) for one in data] == [
        (8, None, False),
        (1, "queued", True),
    ]


def test_a_verb_without_a_number_is_a_usage_error_and_none_found_is_not(run: Run) -> None:
    flags = {"retry": "--failed", "cancel": "--failed", "pause": "--all", "resume": "--all"}
    for verb, flag in flags.items():
        code, _, said = run(verb)
        assert code == 2
        assert flag in said
        assert run(verb, flag)[::2] == (0, "There are none\n")


def test_looking_at_the_queue_imports_nothing_heavy(store: JobStore, tmp_path: Path) -> None:
    job = put(store)
    script = (
        "import sys\nfrom nstd.cli import main\n"
        "for line in sys.argv[2:]:\n"
        "    try:\n        main([*line.split(), '--config', sys.argv[1]])\n"
        "    except SystemExit as ended:\n        assert ended.code == 0, line\n"
        "heavy = {'torch', 'torchvision', 'cv2', 'av', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    lines = ("status", "jobs", "show 1", "pause 1", "resume 1", "cancel 1", "retry 1")
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "config.yaml"), *lines],
        check=True, timeout=60, cwd=Path(__file__).resolve().parents[3], stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert store.get(job.id).state is JobState.QUEUED
    assert len(store.events(job.id)) == 5


REPORT = {
    "pid": os.getpid(),
    "started": 0.0,
    "lost_events": 12,
    "overflows": 1,
    "problems": ["The folder /in is not there: nothing in it is looked at"],
    "workers": [
        {"device": "cuda:0", "pid": 7, "ready": True, "replaced": 2},
        {"device": "cuda:1", "pid": None, "ready": False, "replaced": 0},
    ],
}


def test_status_tells_how_the_daemon_fares(run: Run, store: JobStore, tmp_path: Path) -> None:
    config = Config(state_dir=tmp_path / "state", cache_dir=tmp_path / "cache")
    store.report_daemon(REPORT)
    with daemon_lock(config, required=True):
        _, out, _ = run("status")
        _, data, _ = run("status", "--json")
    assert out.splitlines()[2:] == [
        "  The folder /in is not there: nothing in it is looked at",
        "  The worker on cuda:0 was replaced 2 times",
        "  The worker on cuda:1 is getting ready",
        "  12 files were found by a scan that no event had told of",
    ]
    assert json.loads(data)["daemon"] == REPORT


def test_the_report_of_a_daemon_that_is_gone_is_not_shown(
    run: Run, store: JobStore, tmp_path: Path
) -> None:
    config = Config(state_dir=tmp_path / "state", cache_dir=tmp_path / "cache")
    store.report_daemon(REPORT)
    assert json.loads(run("status", "--json")[1])["daemon"] is None
    store.report_daemon(REPORT | {"pid": 2**22 + 1})  # above the kernel's largest
    with daemon_lock(config, required=True):  # a `batch` that works
        assert json.loads(run("status", "--json")[1])["daemon"] is None


def test_what_is_worth_knowing_of_a_job_is_in_status_jobs_and_show(
    run: Run, store: JobStore
) -> None:
    key = JobKey(b"/in", b"a.mp4", "f3", "night")
    note = "It becomes a-2.mp4: a.mp4 was painted from other content (job 1)"
    done = start(store, store.enqueue(JobRequest(key, b"/in/a", b"/out/a-2.mp4", {}, note=note))[0])
    for state in ("running", "done"):
        if state == "done":
            store.done(store.publishing(done))
        _, out, _ = run("status")
        assert f"Worth knowing:\n  job 1  a.mp4  {note}" in out
        assert note in run("jobs")[1]
        assert note in run("show", "1")[1]
    assert json.loads(run("jobs", "--json")[1])[0]["note"] == note
    assert [one["note"] for one in json.loads(run("status", "--json")[1])["noted"]] == [note]


def test_of_a_file_only_what_is_known_is_told() -> None:
    nothing = {"peak": 0.0, "remarks": (), "reader_reason": "", "transfer": "unknown"}
    known = {"file": "a.mp4", "rotation": 0, "alpha": False, "accepts_truncated": True}
    text = listing.file_text(known | nothing | {"painted": None})
    assert text.splitlines()[:-1] == ["a.mp4:", "  rotation: 0", "  alpha: no"]


def test_a_heading_stands_for_one_thing_and_history_tells_of_no_wait_that_was_none(
    run: Run, store: JobStore
) -> None:
    store.retry(put(store).id)
    lines = run("show", "1")[1].splitlines()
    heads = [line.split(":")[0] for line in lines if not line.startswith(" ")]
    assert len(set(heads)) == len(heads)
    assert not any("Wait ended" in line for line in lines)


def test_what_a_file_says_of_itself_moves_no_cursor_and_forges_no_line() -> None:
    recipe = {ODD.decode("latin-1"): {ODD.decode("latin-1"): ODD.decode("latin-1")}}
    facts = {"file": "a.mp4", "painted": {"nstd": ODD.decode("latin-1"), "recipe": recipe}}
    text = listing.file_text(facts)
    assert "\x1b" not in text
    assert len(text.splitlines()) == 3
