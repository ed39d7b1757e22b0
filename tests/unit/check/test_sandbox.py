"""What a unit's sandbox leaves of files and devices."""

from pathlib import Path

import pytest

from nstd.check.sandbox import GPU_GROUPS, Sandbox, character_groups, hidden_gpu_groups, sandbox
from nstd.check.units import Unit, UnitName

TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - what PrivateTmp= takes away


def unit(*lines: str) -> Unit:
    settings = tuple(("Service", *line.split("=", 1)) for line in lines)
    return Unit(UnitName("u"), (Path("u.service"),), settings)  # type: ignore[arg-type]


def shut_in(*lines: str) -> Sandbox:
    return sandbox(unit(*lines))


def setting(found: object) -> object:
    return getattr(found, "setting", None)


def test_without_protection_everything_is_open() -> None:
    assert shut_in().forbids_writing(Path("/home/x")) is None


def test_strict_makes_everything_read_only_but_what_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    found = shut_in("ProtectSystem=strict", f"ReadWritePaths={tmp_path}/in")
    assert found.forbids_writing(tmp_path / "in/deep/down") is None
    assert setting(found.forbids_writing(tmp_path / "out")) == "ProtectSystem=strict"
    assert found.hides(tmp_path / "out") is None
    assert found.forbids_writing(Path("/dev/null")) is None


@pytest.mark.parametrize(("level", "etc"), [("yes", False), ("true", False), ("full", True)])
def test_weaker_protection_covers_less(level: str, etc: bool) -> None:
    found = shut_in(f"ProtectSystem={level}")
    assert found.forbids_writing(Path("/usr/x")) is not None
    assert (found.forbids_writing(Path("/etc/x")) is not None) is etc
    assert found.forbids_writing(Path("/srv/x")) is None


def test_an_inner_path_can_be_closed_again(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    found = shut_in(
        "ProtectSystem=strict", f"ReadWritePaths={tmp_path}/a", f"ReadOnlyPaths={tmp_path}/a/b"
    )
    assert found.forbids_writing(tmp_path / "a/c") is None
    assert setting(found.forbids_writing(tmp_path / "a/b/c")) == f"ReadOnlyPaths={tmp_path}/a/b"


def test_paths_that_are_not_there_open_nothing(tmp_path: Path) -> None:
    found = shut_in(
        "ProtectSystem=strict", f"ReadWritePaths={tmp_path}/must -{tmp_path}/may", "ReadWritePaths="
    )
    assert (found.absent, found.passed_over) == ((), ())
    found = shut_in("ProtectSystem=strict", f"ReadWritePaths={tmp_path}/must -{tmp_path}/may")
    assert found.absent == ((tmp_path / "must", f"ReadWritePaths={tmp_path}/must"),)
    assert found.passed_over == ((tmp_path / "may", f"ReadWritePaths=-{tmp_path}/may"),)
    assert found.forbids_writing(tmp_path / "may/x") is not None


@pytest.mark.parametrize("folder", ["/home/x", "/root", "/run/user/7"])
def test_protect_home_takes_homes_away_for_good(folder: str) -> None:
    found = shut_in("ProtectHome=yes", f"BindPaths={folder}")
    assert setting(found.hides(Path(folder))) == "ProtectHome=yes"
    assert shut_in("ProtectHome=no").hides(Path(folder)) is None


def test_homes_that_are_read_only_can_be_read() -> None:
    found = shut_in("ProtectHome=read-only")
    assert found.hides(Path("/home/x")) is None
    assert found.forbids_writing(Path("/home/x")) is not None


def test_a_part_of_an_empty_home_can_be_bound_in() -> None:
    found = shut_in("ProtectHome=tmpfs", "BindPaths=/srv/y:/home/y", "BindReadOnlyPaths=/home/z")
    assert found.hides(Path("/home/x")) is not None
    assert found.forbids_writing(Path("/home/y/a")) is None
    assert found.hides(Path("/home/z")) is None
    assert found.forbids_writing(Path("/home/z")) is not None


def test_private_tmp_hides_what_others_put_there() -> None:
    found = shut_in("PrivateTmp=yes")
    assert setting(found.hides(Path(TEMPORARY[0], "x"))) == "PrivateTmp=yes"
    assert setting(found.hides(Path(TEMPORARY[1], "x"))) == "PrivateTmp=yes"
    assert found.hides(Path("/var/x")) is None


def test_a_link_is_hidden_where_it_lies_and_where_it_leads(tmp_path: Path) -> None:
    for name in ("open", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "open/link").symlink_to(tmp_path / "hidden/file")
    (tmp_path / "hidden/link").symlink_to(tmp_path / "open/file")
    found = shut_in(f"InaccessiblePaths={tmp_path}/hidden")
    assert found.hides(tmp_path / "open/link") is not None
    assert found.hides(tmp_path / "hidden/link") is not None
    assert found.hides(tmp_path / "open/file") is None


def test_a_dynamic_user_is_shut_in_without_saying_so() -> None:
    found = shut_in("DynamicUser=yes")
    assert found.forbids_writing(Path("/srv/x")) is not None
    assert found.hides(Path(TEMPORARY[0], "x")) is not None


def test_the_services_own_folders_are_writable_and_made() -> None:
    found = shut_in("ProtectSystem=strict", "StateDirectory=nstd/a more:link")
    assert found.made["STATE_DIRECTORY"] == (Path("/var/lib/nstd/a"), Path("/var/lib/more"))
    assert found.made["CACHE_DIRECTORY"] == ()
    assert found.makes(Path("/var/lib/nstd/a/work"))
    assert not found.makes(Path("/var/lib/nstd"))
    assert found.forbids_writing(Path("/var/lib/nstd/a/work")) is None
    assert found.forbids_writing(Path("/var/lib/nstd")) is not None


ALLOWED = [f"DeviceAllow=char-{group} rw" for group in GPU_GROUPS]


@pytest.mark.parametrize(
    ("lines", "present", "hidden"),
    [
        ([], [], []),
        (["DevicePolicy=closed"], [], list(GPU_GROUPS)),
        (["DevicePolicy=closed", *ALLOWED], [], []),
        (["DevicePolicy=closed", *ALLOWED[1:]], [], ["nvidia-frontend"]),
        # This driver has no such group: nothing is missing.
        (["DevicePolicy=closed", *ALLOWED[1:]], ["nvidia", "nvidiactl", "mem"], []),
        # One line of any kind closes the rest.
        (["DeviceAllow=/dev/null rw"], ["nvidia-uvm"], ["nvidia-uvm"]),
        (["DeviceAllow=char-nvidia* rwm"], [], []),
        (["DeviceAllow=char-nvidia-uvm"], ["nvidia-uvm"], []),
        (["DeviceAllow=char-nvidia-uvm r"], ["nvidia-uvm"], ["nvidia-uvm"]),
        (["DeviceAllow=/dev/nvidia0 rw", "DeviceAllow=/dev/nvidia-uvm rw"],
         ["nvidia", "nvidia-uvm"], []),
        (["PrivateDevices=yes", *ALLOWED], ["nvidia"], ["nvidia"]),
        ([*ALLOWED, "DeviceAllow="], [], []),
    ],
)  # fmt: skip
def test_which_devices_of_a_gpu_are_kept_away(
    lines: list[str], present: list[str], hidden: list[str]
) -> None:
    assert hidden_gpu_groups(unit(*lines), present) == hidden


def test_the_kernels_groups_of_character_devices(tmp_path: Path) -> None:
    file = tmp_path / "devices"
    file.write_text("Character devices:\n  1 mem\n195 nvidia\n\nBlock devices:\n  8 sd\n")
    assert character_groups(file) == ["mem", "nvidia"]
    assert character_groups(tmp_path / "none") == []
