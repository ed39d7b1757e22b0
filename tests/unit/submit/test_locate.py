"""Which queue is meant, from a shell that knows nothing of the daemon's environment."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from nstd.config import Config, load_config
from nstd.errors import AccessError
from nstd.submit import locate as locating
from nstd.submit import notice
from nstd.submit.control import daemon_lock, open_ledger
from nstd.submit.locate import locate, locate_running
from nstd.submit.notice import notices
from tests.unprivileged import unprivileged

Start = Callable[..., Config]


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of its own, and a shell of a user there."""
    for variable in ("STATE_DIRECTORY", "CACHE_DIRECTORY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home/cache"))
    monkeypatch.setattr(notice, "RUNTIME", tmp_path / "run")
    monkeypatch.setattr(locating, "SYSTEM_CONFIG", tmp_path / "etc/config.yaml")
    monkeypatch.setattr(locating, "SYSTEM_STATE", tmp_path / "lib")
    monkeypatch.setattr(locating, "SYSTEM_CACHE", tmp_path / "cache")


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts what holds the lock as a unit's daemon does; gives what that goes by."""
    with ExitStack() as stack:

        def one(name: str = "nstd", source: Path | None = None) -> Config:
            path = source or written(tmp_path / "etc/config.yaml")
            with monkeypatch.context() as environment:
                environment.setenv("STATE_DIRECTORY", str(tmp_path / "lib" / name))
                environment.setenv("CACHE_DIRECTORY", str(tmp_path / "cache" / name))
                environment.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run" / name))
                config = load_config(path)
                stack.enter_context(daemon_lock(config, required=True))
            stack.enter_context(open_ledger(config))
            return config

        yield one


def written(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def own_queue() -> Path:
    with open_ledger(Config()):
        return Config().state_dir


def test_a_notice_is_there_as_long_as_the_lock_is_held_and_open_to_all(tmp_path: Path) -> None:
    config = Config(state_dir=tmp_path / "s", cache_dir=tmp_path / "c")
    before = os.umask(0o027)
    try:
        with daemon_lock(config, required=True):
            (found,) = notices()
            assert (found.state_dir, found.cache_dir, found.config) == (
                tmp_path / "s", tmp_path / "c", None,
            )  # fmt: skip
            (file,) = (tmp_path / "run/nstd").glob("*.json")
            assert file.stat().st_mode & 0o777 == 0o644
            kept = file.read_bytes()
            with daemon_lock(config, required=False) as held:
                assert not held
            assert notices() == [found]
    finally:
        os.umask(before)
    assert notices() == []
    file.write_bytes(kept)  # of one that was killed: nobody holds it
    assert notices() == []


def test_a_link_in_a_notices_place_leads_to_nothing_that_is_written(tmp_path: Path) -> None:
    """Root may leave its own in a folder that belongs to the unit's user."""
    config = Config(state_dir=tmp_path / "s", cache_dir=tmp_path / "c")
    folder, precious = tmp_path / "run/nstd", written(tmp_path / "precious", "kept")
    with daemon_lock(config, required=True):
        (left,) = folder.iterdir()
    left.with_name(f".{left.name}.part").symlink_to(precious)
    left.symlink_to(precious)
    with daemon_lock(config, required=True):
        assert [one.state_dir for one in notices()] == [config.state_dir]
    assert precious.read_text() == "kept"


def test_what_is_no_notice_is_passed_over(tmp_path: Path, start: Start) -> None:
    running = start()
    folder = tmp_path / "run/nstd"
    for name, content in {"a": b"\xff", "b": b"[]", "c": b'{"state_dir": 3}'}.items():
        written(folder / f"{name}.json").write_bytes(content)
    (folder / "d.json").mkdir()
    os.mkfifo(folder / "e.json")  # to open it in the usual way would wait for ever
    assert [one.state_dir for one in notices()] == [running.state_dir]
    with (folder / "a.json").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert [one.state_dir for one in notices()] == [running.state_dir]


def test_the_units_ledger_is_found_from_a_shell_that_was_not_told(
    tmp_path: Path, start: Start
) -> None:
    running = start()
    shell = load_config(tmp_path / "etc/config.yaml")
    assert shell.state_dir == tmp_path / "home/state/nstd"
    for config, named in ((shell, False), (shell, True), (Config(), False)):
        found = locate(config, named=named)
        assert (found.config.state_dir, found.others) == (running.state_dir, ())
        assert found.config.cache_dir == running.cache_dir
    assert locate(shell, named=False).config.source == shell.source


def test_the_units_ledger_is_found_while_it_does_not_run(tmp_path: Path, start: Start) -> None:
    for name in ("config", "night"):
        with open_ledger(
            Config(state_dir=tmp_path / "lib" / f"nstd-{name}".removesuffix("-config"))
        ):
            pass
        config = load_config(written(tmp_path / f"etc/{name}.yaml"))
        found = locate(config, named=True).config.state_dir
        assert found == tmp_path / "lib" / ("nstd" if name == "config" else "nstd-night")
    assert locate(Config(), named=False).config.state_dir == tmp_path / "lib/nstd"


def test_of_several_each_is_found_by_its_file_and_the_others_are_told_of(
    tmp_path: Path, start: Start
) -> None:
    day = start()
    night = start("nstd-night", written(tmp_path / "etc/night.yaml"))
    found = locate(load_config(night.source), named=True)
    assert (found.config.state_dir, found.others) == (night.state_dir, ())
    found = locate(load_config(day.source), named=False)
    assert (found.config.state_dir, found.others) == (
        day.state_dir, ((night.state_dir, night.source),),
    )  # fmt: skip


def test_what_runs_by_another_file_is_told_of_and_not_steered(tmp_path: Path, start: Start) -> None:
    running = start()
    config = load_config(written(tmp_path / "home/config.yaml"))
    for is_there in (False, True):
        if is_there:
            own_queue()
        found = locate(config, named=False)
        assert found.config.state_dir == config.state_dir
        assert found.others == ((running.state_dir, running.source),)
        assert locate(config, named=True).others == ()
    # Where no file was found it may be meant, unless there is one of the user's own.
    found = locate(Config(), named=False)
    assert (found.config.state_dir, len(found.others)) == (config.state_dir, 1)


def test_what_says_its_state_folder_means_that(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    said = load_config(written(tmp_path / "etc/config.yaml", f"state_dir: {tmp_path}/said\n"))
    assert locate(said, named=False).config.state_dir == tmp_path / "said"
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "told"))
    assert locate(Config(), named=False).config.state_dir == tmp_path / "told"


def test_a_file_that_cannot_be_read_is_that_of_the_nstd_that_runs_by_it(
    tmp_path: Path, start: Start
) -> None:
    assert locate_running(tmp_path / "etc/config.yaml") is None
    start()
    night = start("nstd-night", written(tmp_path / "etc/night.yaml"))
    assert night.source is not None
    (tmp_path / "link.yaml").symlink_to(night.source)
    for path in (night.source, tmp_path / "link.yaml"):
        found = locate_running(path)
        assert found is not None
        assert (found.config.state_dir, found.others) == (night.state_dir, ())
    assert locate_running(written(tmp_path / "other.yaml")) is None


@pytest.mark.usefixtures("deniable")
def test_a_queue_that_is_closed_is_a_sentence_and_not_an_empty_one(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()
    if os.geteuid() != 0:
        pytest.skip("needs root, to give the folder to another user")
    os.chown(running.state_dir, 2, 2)
    monkeypatch.setattr("sys.argv", ["/opt/my nstd/bin/nstd", "status"])
    for mode in (0o750, 0o700, 0o000):
        running.state_dir.chmod(mode)
        with unprivileged(), pytest.raises(AccessError) as caught:
            locate(load_config(running.source), named=False)
        assert str(running.state_dir) in caught.value.problem
        assert caught.value.remedy.endswith("sudo -u bin '/opt/my nstd/bin/nstd' status")


def test_what_root_would_leave_for_another_user_is_refused(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()
    if os.geteuid() != 0:
        pytest.skip("needs root, to give the folder to another user")
    os.chown(running.state_dir, 2, 2)
    config = load_config(running.source)
    assert locate(config, named=False).config.state_dir == running.state_dir
    with pytest.raises(AccessError, match="sudo -u bin"):
        locate(config, named=False, leaves_files=True)


def test_paths_that_are_no_text_survive_the_notice(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\n"))
    with daemon_lock(Config(state_dir=folder, cache_dir=folder), required=True):
        assert [one.state_dir for one in notices()] == [folder]
        (file,) = (tmp_path / "run/nstd").glob("*.json")
        assert set(json.loads(file.read_text())) == {"state_dir", "cache_dir", "config"}
