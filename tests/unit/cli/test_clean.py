"""`nstd clean`: what it says of what is abandoned, and what it refuses."""

import json
import os
import time
from pathlib import Path

import pytest
import yaml

from nstd.cli import main
from nstd.config import Config
from nstd.config.words import parse_duration
from nstd.errors import UsageError
from nstd.ledger.job import Job, JobKey, JobRequest
from nstd.ledger.store import JobStore
from nstd.submit.control import daemon_lock

DAY = 86400.0


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"state_dir": str(tmp_path / "state"), "cache_dir": str(tmp_path / "cache")}
    (tmp_path / "nstd.yaml").write_text(yaml.safe_dump(keys))
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["clean", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code, *capsys.readouterr()


def begun(folder: Path, name: bytes, *, days: float) -> Job:
    """A film that `stylize` began so long ago, with three frames of ten."""
    state, then = folder / "state/stylize", time.time() - days * DAY
    with JobStore(state / "ledger.sqlite3", lambda: then) as store:
        key = JobKey(b"/in", name, "f", "stylize 1")
        asked = JobRequest(key, b"/in/" + name, b"/out/" + name, {"style": 1}, {})
        job = store.claim("w", lease_seconds=1, job_id=store.enqueue(asked)[0].id)
        assert job is not None
        store.progress(job, 3, 10)
        job = store.requeue(job, reason="It was stopped")
    work = state / f"work/{job.id}"
    work.mkdir(parents=True)
    (work / "frame.png").write_bytes(os.urandom(2_000_000))
    return job


def test_abandoned_work_is_shown_with_film_progress_size_and_age_and_removed_when_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tmp_path, b"a b.mp4", days=45)
    begun(tmp_path, b"b\n.mp4", days=2)
    code, out, said = run(capsys)
    assert (code, said) == (0, "")
    assert out.splitlines() == [
        "Begun by `nstd stylize` and never finished:",
        "  /in/a b.mp4  3 of 10 frames  → /out/a b.mp4  2.0 MB  45 d old",
        "  /in/b\\n.mp4  3 of 10 frames  → /out/b\\n.mp4  2.0 MB  2 d old  (stays: it is younger)",
        "`nstd clean --yes` removes 1 of 2, 2.0 MB",
    ]
    assert run(capsys, "--dry-run")[1] == out
    assert run(capsys, "--yes")[1].splitlines()[-1] == "Removed: 1 of 2, 2.0 MB"
    code, out, _ = run(capsys)
    assert (code, out.splitlines()[-1]) == (
        0, "Nothing of it goes; --older-than 0 counts what is younger, too",
    )  # fmt: skip
    assert run(capsys, "--yes", "--older-than", "1d")[0] == 0
    assert run(capsys, "--older-than", "0")[1] == "Nothing is abandoned\n"
    assert not any((tmp_path / "state/stylize/work").iterdir())


def test_as_json_each_has_its_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = begun(tmp_path, b"a.mp4", days=45)
    (found,) = json.loads(run(capsys, "--json")[1])
    age, size = found.pop("age_seconds"), found.pop("bytes")
    assert 44 * DAY < age < 46 * DAY
    assert size >= 2_000_000
    assert found == {
        "kind": "begun", "path": "/in/a.mp4", "job": job.id, "target": "/out/a.mp4",
        "frames_done": 3, "frames_total": 10, "kept": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 30 * DAY), ("12h", 43200.0), ("5min", 300.0), ("0", 0.0)]
)
def test_an_age_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text, "--older-than") == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "1 d", "3w"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--older-than: .* is no time. Write a number and one of"):
        parse_duration(text, "--older-than")


def test_that_another_queue_is_meant_too_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where an admin cleans up, and the queue is the service's."""
    (tmp_path / "nstd.yaml").unlink()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("STATE", "CACHE", "RUNTIME"):
        monkeypatch.delenv(f"{name}_DIRECTORY", raising=False)
        kind = "XDG_RUNTIME_DIR" if name == "RUNTIME" else f"XDG_{name}_HOME"
        monkeypatch.setenv(kind, str(tmp_path / name))
    service = Config(state_dir=tmp_path / "service", cache_dir=tmp_path / "cache")
    JobStore(service.state_dir / "ledger.sqlite3").close()
    with daemon_lock(service, required=True):
        code, _, said = run(capsys)
    assert code == 0
    own, other = tmp_path / "STATE/nstd", tmp_path / "service"
    assert f"This is of {own} and of the queue in {other}." in said
