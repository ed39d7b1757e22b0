"""On which file systems events cannot be relied on, read from Linux's table of mounts."""

from pathlib import Path

import pytest

from nstd.disks.mounts import file_system, needs_polling

TABLE = (
    rb"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:40 / /media/films rw - nfs4 server:/films rw,vers=4.2
23 21 0:41 / /media/my\040films rw master:3 - cifs //server/films rw
24 21 8:2 / /media/films/local rw - xfs /dev/sdb1 rw
25 21 0:42 / /media/ssh rw - fuse.sshfs me@host: rw
26 21 8:3 / /media/stick rw - fuseblk /dev/sdc1 rw
27 21 0:43 / /media/twice rw - tmpfs tmpfs rw
28 27 0:44 / /media/twice rw - 9p host rw
29 21 0:45 / /media/caf"""
    b"\xe9 rw - virtiofs host rw\n"
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_bytes(TABLE)
    return path


@pytest.mark.parametrize(
    ("folder", "kind", "polled"),
    [
        ("/home/me/in", "ext4", False),
        ("/media/films/in", "nfs4", True),
        ("/media/films", "nfs4", True),
        ("/media/filmsomething", "ext4", False),
        ("/media/films/local/in", "xfs", False),
        ("/media/my films/in", "cifs", True),
        ("/media/ssh", "fuse.sshfs", True),
        ("/media/stick", "fuseblk", False),
        ("/media/twice", "9p", True),
        ("/media/caf\udce9/in", "virtiofs", True),
    ],
)
def test_the_innermost_last_mount_decides(
    table: Path, folder: str, kind: str, polled: bool
) -> None:
    assert file_system(Path(folder), table) == kind
    assert needs_polling(Path(folder), table) is polled


def test_without_a_table_events_are_tried(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "none") is None
    assert not needs_polling(tmp_path, tmp_path / "none")


def test_this_machines_table_is_understood(tmp_path: Path) -> None:
    assert file_system(tmp_path) is not None
    assert file_system(Path("/proc")) == "proc"
