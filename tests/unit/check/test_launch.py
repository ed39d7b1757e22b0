"""How systemd would start a service: its user, its words, its environment."""

import os
import pwd
from pathlib import Path

import pytest

from nstd.check.launch import Launch, read_launch
from nstd.errors import ConfigError, UnreadableError, VanishedError

ME = pwd.getpwuid(os.getuid())


def launch(tmp_path: Path, *lines: str, name: str = "nstd.service") -> Launch:
    prefix, at, _ = name.partition("@")
    file = f"{prefix}@.service" if at else name
    (tmp_path / file).write_text("[Service]\n" + "\n".join(lines) + "\n")
    return read_launch(name, [tmp_path])


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/bin/nstd run --config /etc/x.yaml", ("/bin/nstd", "run", "--config", "/etc/x.yaml")),
        ("-/bin/nstd run", ("/bin/nstd", "run")),
        ("@/bin/nstd called run", ("/bin/nstd", "run")),
        ('"/opt/my nstd/nstd" run', ("/opt/my nstd/nstd", "run")),
        ("/bin/nstd $MANY x${ONE}y $$HOME", ("/bin/nstd", "a", "b", "x1y", "$HOME")),
        (":/bin/nstd $MANY", ("/bin/nstd", "$MANY")),
        ("/bin/nstd ${NONE} $NONE", ("/bin/nstd", "")),
        ("/bin/nstd %n 100%%", ("/bin/nstd", "nstd.service", "100%")),
    ],
)
def test_the_command_is_taken_apart_as_systemd_does(
    tmp_path: Path, line: str, command: tuple[str, ...]
) -> None:
    found = launch(tmp_path, f"ExecStart={line}", 'Environment="MANY=a b" ONE=1')
    assert found.command == command


def test_a_program_without_a_folder_is_looked_for_where_systemd_looks(tmp_path: Path) -> None:
    found = launch(tmp_path, "ExecStart=sh run").command[0]
    assert Path(found).is_absolute()
    assert Path(found).exists()


@pytest.mark.parametrize(
    ("words", "config"),
    [
        ("run --config /etc/x.yaml", Path("/etc/x.yaml")),
        ("run --config=/etc/x.yaml", Path("/etc/x.yaml")),
        ("--config ${CONFIG} run", Path("/srv/c.yaml")),
        ("run --config x.yaml", Path("/srv/x.yaml")),
        ("run", None),
    ],
)
def test_the_configuration_is_the_one_the_command_names(
    tmp_path: Path, words: str, config: Path | None
) -> None:
    found = launch(
        tmp_path,
        f"ExecStart=/bin/nstd {words}",
        "Environment=CONFIG=/srv/c.yaml",
        "WorkingDirectory=/srv",
    )
    assert found.config == config


def test_an_instance_has_its_name_in_all_of_it(tmp_path: Path) -> None:
    found = launch(
        tmp_path,
        "ExecStart=/bin/nstd run --config /etc/nstd/%i.yaml",
        "StateDirectory=nstd-%i",
        name="nstd@night.service",
    )
    assert found.config == Path("/etc/nstd/night.yaml")
    assert found.environment["STATE_DIRECTORY"] == "/var/lib/nstd-night"


def test_the_environment_is_what_systemd_would_give(tmp_path: Path) -> None:
    (tmp_path / "variables").write_text("# none\n\nB=from file\nQ='a b' \n")
    found = launch(
        tmp_path,
        "ExecStart=/bin/nstd run",
        f"User={ME.pw_name}",
        "StateDirectory=a b",
        "Environment=A=1 B=2",
        "Environment=A=3",
        f"EnvironmentFile={tmp_path}/variables",
        f"EnvironmentFile=-{tmp_path}/none",
    )
    expected = {"A": "3", "B": "from file", "Q": "a b", "HOME": ME.pw_dir}
    expected["STATE_DIRECTORY"] = "/var/lib/a:/var/lib/b"
    assert expected.items() <= found.environment.items()
    assert "CACHE_DIRECTORY" not in found.environment


def test_home_can_be_set_otherwise(tmp_path: Path) -> None:
    found = launch(tmp_path, "ExecStart=/bin/nstd", f"User={ME.pw_name}", "Environment=HOME=/var/x")
    assert found.environment["HOME"] == "/var/x"


def test_a_missing_file_of_variables_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VanishedError, match="EnvironmentFile="):
        launch(tmp_path, "ExecStart=/bin/nstd", f"EnvironmentFile={tmp_path}/none")


def test_nothing_of_this_process_is_left_in_the_services_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/mine")
    found = launch(
        tmp_path, "ExecStart=/bin/nstd", "Environment=A=1", f"WorkingDirectory={tmp_path}"
    )
    before, where = dict(os.environ), Path.cwd()
    with found.environed():
        assert os.environ["A"] == "1"
        assert "STATE_DIRECTORY" not in os.environ
        assert Path.cwd() == tmp_path.resolve()
    assert (dict(os.environ), Path.cwd()) == (before, where)


def test_after_an_error_this_process_has_its_own_environment_again(tmp_path: Path) -> None:
    found = launch(tmp_path, "ExecStart=/bin/nstd", "Environment=A=1")
    before, where = dict(os.environ), Path.cwd()
    with pytest.raises(RuntimeError), found.environed():
        raise RuntimeError
    assert (dict(os.environ), Path.cwd()) == (before, where)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "no ExecStart="),
        (["ExecStart=/a", "ExecStart=/b"], "2 ExecStart="),
        (["ExecStart=/a %z"], "%z"),
    ],
)
def test_what_cannot_start_is_an_error(tmp_path: Path, lines: list[str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        launch(tmp_path, *lines)


def test_a_quote_that_is_open_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError):
        launch(tmp_path, 'ExecStart=/bin/nstd "run')


def test_a_masked_unit_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "nstd.service").symlink_to(os.devnull)
    with pytest.raises(ConfigError, match="masked"):
        read_launch("nstd", [tmp_path])


def test_a_missing_user_is_kept_as_a_problem(tmp_path: Path) -> None:
    found = launch(tmp_path, "ExecStart=/bin/nstd", "User=no-such-user")
    assert found.who is None
    assert "no-such-user" in str(found.problem)
    assert found.user == "no-such-user"


@pytest.mark.parametrize(
    ("line", "powerful"),
    [("Nice=1", True), ("PrivateUsers=yes", False), ("CapabilityBoundingSet=", False)],
)
def test_root_without_its_powers_is_bound_by_modes(
    tmp_path: Path, line: str, powerful: bool
) -> None:
    who = launch(tmp_path, "ExecStart=/bin/nstd", line).who
    assert who is not None
    assert (who.uid, who.powerful) == (0, powerful)
