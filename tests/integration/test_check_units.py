"""Units are read as systemd reads them: it is asked itself."""

import os
import re
import subprocess
from pathlib import Path

from nstd.check.launch import read_launch
from nstd.check.units import find_unit

SYSTEM = Path("/usr/lib/systemd/system")
"""Of the units that every other one depends on."""


def verify(systemd_analyze: str, folders: list[Path], unit: str) -> str:
    """What systemd says of a unit that it looks for in the folders."""
    answer = subprocess.run(
        [systemd_analyze, "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": ":".join(map(str, [*folders, SYSTEM]))},
    )
    return answer.stderr


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["[Service]", *lines, ""]))


def test_drop_ins_of_all_folders_and_of_a_template_come_in_systemds_order(
    tmp_path: Path, systemd_analyze: str
) -> None:
    etc, usr = folders = [tmp_path / "etc", tmp_path / "usr"]
    # systemd names each file it reads if there is a key in it that it does not know.
    write(usr / "some@.service", "ExecStart=/bin/true", "NoSuchKey=1")
    for name in (
        "etc/some@.service.d/05", "etc/some@.service.d/20", "etc/some@x.service.d/20",
        "etc/some@x.service.d/99", "etc/service.d/10", "usr/some@.service.d/10",
        "usr/some@.service.d/30", "usr/some@x.service.d/05", "usr/some@x.service.d/10",
        "usr/some@other.service.d/40", "usr/service.d/15", "usr/service.d/05",
    ):  # fmt: skip
        write(tmp_path / f"{name}.conf", "NoSuchKey=1")
    said = verify(systemd_analyze, folders, "some@x.service")
    named = re.findall(rf"(?m)^({tmp_path}\S+?):\d+: Unknown key", said)
    # Those for all services are named again for each further one.
    once = list(dict.fromkeys(named))
    end = once.index(str(etc / "some@x.service.d/99.conf")) + 1
    assert [str(path) for path in find_unit("some@x", folders).files] == once[:end]


def test_a_command_is_the_one_that_systemd_would_run(tmp_path: Path, systemd_analyze: str) -> None:
    line = (
        f'ExecStart="{tmp_path}/no %i\\x2dth\\151ng\\s%p" first \\',
        "# a comment",
        '   "second one"',
    )
    write(tmp_path / "some@.service", "ExecStart=/bin/false", "ExecStart=", *line)
    said = verify(systemd_analyze, [tmp_path], "some@x.service")
    # It says of a program that is not there which one it is.
    (program,) = set(re.findall(r"Command (.+) is not executable", said))
    command = read_launch("some@x", [tmp_path]).command
    assert command == (program, "first", "second one")
