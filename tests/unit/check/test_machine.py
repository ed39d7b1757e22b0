"""`nstd check`'s findings on machines unlike this one."""

import importlib
import logging
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nstd.check import machine as checking
from nstd.check.finding import Finding
from nstd.check.machine import check, warn
from nstd.check.start import require_folders
from nstd.config import Config, MoveOriginals
from nstd.errors import ConfigError
from nstd.media.write.codecs import CODECS
from nstd.style.devices import DeviceInfo
from tests.jobs import small_config

GIB = 1 << 30


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return small_config(tmp_path)


def about(subject: str, found: list[Finding], verdict: str | None = None) -> list[str]:
    return [
        finding.text
        for finding in found
        if finding.subject == subject and verdict in {None, finding.verdict}
    ]


def faults(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.verdict == "fault"]


def test_nothing_is_made_or_changed_by_looking(config: Config, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert faults(check(config, None)) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_everything_but_what_is_fine_says_what_to_do(config: Config) -> None:
    for finding in check(config, None):
        assert finding.subject
        if finding.verdict != "ok":
            assert finding.text.endswith(".")


def test_without_a_configuration_the_defaults_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = check(None, None)
    assert about("config", found, "note") == ["There is no config.yaml: the defaults hold."]
    assert any(str(tmp_path / "state") in text for text in about("folder", found))


def test_a_broken_configuration_comes_first_with_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = check(None, ConfigError("config.yaml:3: unknown key", "Correct it"))
    assert found[0] == Finding("config", "fault", "config.yaml:3: unknown key. Correct it.", 78)
    assert {"device", "codecs", "weights", "folder"} <= {finding.subject for finding in found}


def test_on_a_gpu_it_says_what_it_paints_on(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = DeviceInfo("cuda:0", "Some GPU", 24 * GIB, "sm_90")
    monkeypatch.setattr(checking, "list_devices", lambda: [gpu])
    monkeypatch.setattr(checking, "choose_devices", lambda wanted: [gpu])
    texts = about("device", check(config, None), "ok")
    assert texts == ["cuda:0: Some GPU, 24 GiB", "Painting on cuda:0"]


def test_on_a_cpu_it_says_that_a_gpu_is_faster(config: Config) -> None:
    (text,) = about("device", check(config, None), "note")
    assert text.startswith("Painting on the CPU; a GPU is far faster.")


@pytest.mark.parametrize("missing", [{"h265", "av1"}, set(CODECS)])
def test_encoders_that_are_missing_are_named(
    config: Config, monkeypatch: pytest.MonkeyPatch, missing: set[str]
) -> None:
    lacking = {CODECS[name].encoders["software"].name for name in missing}

    def codec(encoder: str, mode: str) -> None:
        assert mode == "w"
        if encoder in lacking:
            raise ValueError(encoder)

    monkeypatch.setattr(checking, "av", SimpleNamespace(Codec=codec))
    found = check(config, None)
    (note,) = about("codecs", found, "note")
    assert all(name in note for name in missing)
    assert len(about("codecs", found, "fault")) == (missing == set(CODECS))


@pytest.mark.parametrize(
    "error", [ImportError("No module named 'torchvision'"), RuntimeError("no operator\nat all")]
)
def test_torchvision_is_nothing_that_painting_needs(
    config: Config, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(name: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", refuse)
    found = check(config, None)
    (text,) = about("torchvision", found)
    assert about("torchvision", found, "note") == [text]
    assert str(error).splitlines()[0] in text
    assert "at all" not in text
    assert "nstd weights fetch" in text


def with_estimators(tmp_path: Path, *estimators: str | None) -> Config:
    """With a recipe for each; None paints each frame for itself."""
    recipes: dict[str, Any] = {
        f"r{number}": {
            "styles": str(tmp_path / "style.png"),
            "temporal": "independent" if name is None else {"estimator": name},
        }
        for number, name in enumerate(estimators)
    }
    return small_config(tmp_path, recipes=recipes, folders=[])


def test_an_estimator_is_told_of_where_a_recipe_names_it(tmp_path: Path) -> None:
    found = check(with_estimators(tmp_path, "dis", "raft", None, "raft", "guess"), None)
    assert about("flow", found, "ok") == ["Recipe r0: dis finds how the film moves"]
    raft, unknown = about("flow", found, "fault")
    assert raft.startswith(f"Recipes r1, r3: There are no weights of RAFT in {tmp_path}/cache")
    assert "`nstd weights fetch raft`" in raft
    assert unknown.startswith("Recipe r4: There is no flow estimator guess")


def test_a_raft_that_no_recipe_names_is_missed_by_nobody(tmp_path: Path) -> None:
    found = check(with_estimators(tmp_path, "dis"), None)
    assert faults(found) == []
    assert not any("raft" in text for text in about("weights", found))


def test_a_raft_that_is_damaged_is_a_fault(tmp_path: Path) -> None:
    config = with_estimators(tmp_path, "raft")
    damaged = config.cache_dir / "weights/raft_small_C_T_V2-01064c6d.pth"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no weights")
    weights, flow = faults(check(config, None))
    for fault in (weights, flow):
        assert f"{damaged} is damaged" in fault.text
        assert "`nstd weights fetch raft`" in fault.text


def test_a_disk_that_is_nearly_full_is_noted(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=1 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    found = check(config, None)
    assert all("Free some space" in text for text in about("folder", found, "note"))
    assert len(about("folder", found, "note")) == 3  # the output, the state and the cache
    usage.free = 100 << 30
    assert about("folder", check(config, None), "note") == []


def test_a_folder_that_cannot_be_used_is_a_fault_that_may_pass(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    found = check(config.model_copy(update={"cache_dir": tmp_path / "file/cache"}), None)
    weights, folder = faults(found)
    assert (weights.subject, weights.exit_code) == ("weights", 75)
    assert (folder.subject, folder.exit_code) == ("folder", 75)
    assert "cannot be written to" in folder.text
    assert "Give this user access" in folder.text


def test_a_folder_that_cannot_be_read_is_a_fault(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / "in")
    (fault,) = faults(check(config, None))
    assert fault.text == f"{tmp_path}/in cannot be read. Give this user access to it."


@pytest.mark.parametrize(("originals", "times"), [("keep", 0), ("delete", 1)])
def test_a_watched_folder_must_be_writable_only_where_originals_leave_it(
    config: Config, tmp_path: Path, originals: Any, times: int
) -> None:
    folder = config.folders[0].model_copy(update={"originals": originals})
    found = check(config.model_copy(update={"folders": (folder,)}), None)
    writable = [text for text in about("folder", found) if f"{tmp_path}/in can be written" in text]
    assert len(writable) == times


def test_where_moved_originals_go_must_be_writable(config: Config, tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    originals = MoveOriginals(move=tmp_path / "done")
    folder = config.folders[0].model_copy(update={"originals": originals})
    found = check(config.model_copy(update={"folders": (folder,)}), None)
    assert any(f"{tmp_path}/done can be written" in text for text in about("folder", found))


def test_a_style_image_that_cannot_be_read_is_a_fault(config: Config, tmp_path: Path) -> None:
    (tmp_path / "style.png").unlink()
    (fault,) = faults(check(config, None))
    assert fault.subject == "style"
    assert f"{tmp_path}/style.png cannot be read." in fault.text


def test_a_ledger_on_a_network_file_system_is_a_fault(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "needs_polling", lambda path: path == tmp_path / "state")
    monkeypatch.setattr(checking, "file_system", lambda path: "nfs4")
    (fault,) = faults(check(config, None))
    assert f"{tmp_path}/state is on a network file system (nfs4)" in fault.text


@pytest.mark.parametrize("devices", ["auto", "cpu"])
def test_a_gpu_that_the_process_may_not_use_is_noted_unless_the_cpu_is_asked_for(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, devices: str
) -> None:
    (tmp_path / "gpus/0000:01:00.0").mkdir(parents=True)
    monkeypatch.setattr(checking, "DRIVERS_GPUS", tmp_path / "gpus")
    cpu = DeviceInfo("cpu", "CPU", 0, "AVX2")
    monkeypatch.setattr(checking, "choose_devices", lambda wanted: [cpu])
    chosen = config.model_copy(update={"devices": devices if devices == "auto" else (devices,)})
    (text,) = about("device", check(chosen, None), "note")
    assert ("one that this process cannot use" in text) == (devices == "auto")


def test_the_daemon_needs_a_folder_to_watch(config: Config) -> None:
    require_folders(config)
    with pytest.raises(ConfigError, match="no folder to watch"):
        require_folders(config.model_copy(update={"folders": ()}))


def warned(config: Config, caplog: pytest.LogCaptureFixture) -> list[str]:
    warn(config)
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_what_jobs_would_wait_for_is_logged_and_what_is_well_is_not(
    config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert warned(config, caplog) == []
    (tmp_path / "style.png").unlink()
    (tmp_path / "out").rmdir()
    style, output = warned(config, caplog)
    assert "style.png cannot be read" in style
    assert output.startswith(f"{tmp_path}/out is not there")
