"""Commands where a configuration is another program's, is broken, or says less than was known."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import nstd.config.find
from nstd.cli import main
from nstd.config import Config, load_config
from nstd.ledger.job import JobKey, JobRequest, JobState
from nstd.ledger.store import JobStore
from nstd.submit.control import daemon_lock, open_ledger

Run = Callable[..., tuple[int, str, str]]
FOREIGN = "site_name: Some pages\nnav: [index.md]\n"


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
        monkeypatch.delenv(f"{name}_DIRECTORY", raising=False)
    monkeypatch.setattr(nstd.config.find, "SYSTEM_CONFIG", tmp_path / "etc/config.yaml")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def one(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return one


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobStore]:
    """The ledger of what runs by ./nstd.yaml, with one job; where it lies that does not say."""
    Path("nstd.yaml").write_text("threads: 1\n")
    with monkeypatch.context() as environment:
        environment.setenv("STATE_DIRECTORY", str(tmp_path / "lib"))
        config = load_config()
    with daemon_lock(config, required=True), open_ledger(config) as store:
        key = JobKey(b"/in", b"a.mp4", "f", "night")
        store.enqueue(JobRequest(key, b"/in/a.mp4", b"/out/a.mp4", {"styles": []}))
        yield store


@pytest.mark.parametrize("command", ["styles", "status", "jobs", "weights list"])
def test_another_programs_file_is_left_alone_with_a_note(run: Run, command: str) -> None:
    Path("config.yaml").write_text(FOREIGN)
    code, _, said = run(*command.split())
    assert code == 0
    assert f"nstd: {Path.cwd()}/config.yaml is not nstd's, and is left alone.\n" in said


@pytest.mark.parametrize(
    "command", ["run", "batch", "add a.mp4", "stylize a.mp4 -r night -o b.mp4"]
)
def test_what_needs_one_says_so(run: Run, command: str) -> None:
    Path("config.yaml").write_text(FOREIGN)
    Path("a.mp4").touch()
    code, out, said = run(*command.split())
    assert (code, out) == (78, "")
    assert said.startswith("nstd: config.yaml in this folder is no configuration of nstd. Name")


def test_stylize_with_a_style_needs_none(run: Run) -> None:
    Path("config.yaml").write_text(FOREIGN)
    code, _, said = run("stylize", "missing.mp4", "--style", "impasto", "-o", "b.mp4")
    assert code == 2
    assert "There is no missing.mp4" in said


def test_the_styles_that_ship_are_listed_whatever_a_file_says(run: Run) -> None:
    Path("nstd.yaml").write_text("threads: none\n")
    code, out, said = run("styles")
    assert code == 0
    assert "impasto" in out
    assert said.startswith("nstd: nstd.yaml:1: threads: ")
    assert run("styles", "--config", "nstd.yaml")[0] == 78


def test_a_shell_that_was_not_told_sees_and_steers_what_runs(run: Run, running: JobStore) -> None:
    code, out, said = run("status", "--json")
    assert (code, said) == (0, "")
    found = json.loads(out)
    assert (found["working"], found["counts"]["queued"]) == (True, 1)
    assert run("cancel", "1") == (0, "Job 1: canceled\n", "")
    assert running.get(1).state is JobState.CANCELED


@pytest.mark.parametrize("text", ["threads: none\nfolders: 3\n", "\tthreads", FOREIGN])
def test_a_file_that_was_broken_since_locks_nobody_out(
    run: Run, running: JobStore, text: str
) -> None:
    Path("nstd.yaml").write_text(text)
    code, out, said = run("status", "--json")
    assert (code, json.loads(out)["counts"]["queued"]) == (0, 1)
    assert said.startswith("nstd: nstd.yaml:1: ")
    assert said.endswith("This is the queue of the nstd that runs.\n")
    for verb, line in (("pause", "queued, paused"), ("resume", "queued"), ("cancel", "canceled")):
        code, out, _ = run(verb, "1", "--config", "nstd.yaml")
        assert (code, out) == (0, f"Job 1: {line}\n")
    assert run("show", "1")[0] == run("jobs")[0] == 0
    assert run("add", "a.mp4")[0] == 78
    Path("nstd.yaml").unlink()
    code, out, said = run("status", "--json", "--config", "nstd.yaml")
    assert (code, json.loads(out)["working"]) == (0, True)
    assert said.startswith("nstd: There is no file nstd.yaml. ")


def test_a_broken_file_is_an_error_where_nothing_runs_by_it(
    run: Run, running: JobStore, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("threads: none\n")
    assert run("status", "--config", str(other))[:2] == (78, "")


def test_where_several_run_and_no_file_says_which_one_is_shown_and_none_is_changed(
    run: Run, running: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("cancel", "1")[0] == 0  # the only one
    with daemon_lock(Config(state_dir=other, cache_dir=other), required=True):
        with open_ledger(Config(state_dir=other, cache_dir=other)):
            pass
        code, out, said = run("status", "--json")
        shown = json.loads(out)["state_dir"]
        hidden = ({str(other), str(tmp_path / "lib")} - {shown}).pop()
        assert code == 0
        assert f"This is the queue in {shown}; there is another in {hidden}" in said
        code, out, said = run("retry", "1")
        assert (code, out) == (2, "")
        assert "--config" in said
        assert run("retry", "1", "--config", "../here/nstd.yaml")[0] == 0
    assert running.get(1).state is JobState.QUEUED
