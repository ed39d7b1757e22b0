"""Whether a folder is where it was: on the disk that it was on, or on the one below."""

from pathlib import Path

import pytest

from nstd.disks import place as places
from nstd.disks.mounts import Mount, mount_of
from nstd.disks.place import Place
from nstd.errors import MountError

TABLE = """
21 1 8:1 / / rw - ext4 /dev/sda1 rw
22 21 8:17 / /media/disk rw - ext4 /dev/sdb1 rw
23 21 8:17 /sub /media/part rw - ext4 /dev/sdb1 rw
24 21 0:40 / /media/nas rw - nfs4 server:/films rw
25 21 0:41 / /media/ram rw - tmpfs tmpfs rw
"""

SANDBOXED = """
41 1 8:1 / / ro - ext4 /dev/sda1 rw
42 41 8:17 / /media/disk ro - ext4 /dev/sdb1 rw
43 42 8:17 /painted /media/disk/painted rw - ext4 /dev/sdb1 rw
44 41 8:1 /home/me/painted /home/me/painted rw - ext4 /dev/sda1 rw
"""
"""As a service sees it: what it may write to is mounted on itself."""


@pytest.fixture
def uuids(tmp_path: Path) -> Path:
    folder = tmp_path / "by-uuid"
    folder.mkdir()
    (folder / "aaaa").symlink_to("/dev/sda1")
    (folder / "bbbb").symlink_to("/dev/sdb1")
    return folder


def found(tmp_path: Path, folder: str, table: str, uuids: Path) -> Mount:
    path = tmp_path / "mountinfo"
    path.write_text(table)
    mount = mount_of(Path(folder), path, uuids)
    assert mount is not None
    return mount


def without(point: str) -> str:
    """The table once what is mounted there is unmounted."""
    return "\n".join(line for line in TABLE.splitlines() if f" {point} " not in line)


def test_a_mount_says_what_is_where(tmp_path: Path, uuids: Path) -> None:
    assert found(tmp_path, "/media/disk/painted/x", TABLE, uuids) == Mount(
        "/media/disk", "ext4", "/dev/sdb1", "bbbb", "/painted/x"
    )
    assert found(tmp_path, "/media/nas/x", TABLE, uuids).uuid is None
    assert str(found(tmp_path, "/media/disk", TABLE, uuids)) == (
        "ext4 (/dev/sdb1, bbbb) at /media/disk"
    )


@pytest.mark.parametrize("folder", ["/media/disk/painted", "/home/me/painted"])
def test_the_same_folder_is_the_same_within_a_sandbox(
    tmp_path: Path, uuids: Path, folder: str
) -> None:
    outside = found(tmp_path, folder, TABLE, uuids)
    inside = found(tmp_path, folder, SANDBOXED, uuids)
    assert inside == outside
    assert inside.is_same_place(outside)


@pytest.mark.parametrize("name", ["disk", "part", "nas", "ram"])
@pytest.mark.parametrize("below", ["", "/painted"])
def test_the_bare_folder_is_another(tmp_path: Path, uuids: Path, name: str, below: str) -> None:
    there = found(tmp_path, f"/media/{name}{below}", TABLE, uuids)
    bare = found(tmp_path, f"/media/{name}{below}", without(f"/media/{name}"), uuids)
    assert not bare.is_same_place(there)
    assert not bare.is_below(there)
    assert there.is_below(bare)


def test_a_disk_is_known_by_its_uuid_whatever_it_is_called_now(tmp_path: Path, uuids: Path) -> None:
    before = found(tmp_path, "/media/disk/x", TABLE, uuids)
    (uuids / "bbbb").unlink()
    (uuids / "bbbb").symlink_to("/dev/sdc1")
    (uuids / "cccc").symlink_to("/dev/sdb1")
    renamed = TABLE.replace("/media/disk rw - ext4 /dev/sdb1", "/media/disk rw - ext4 /dev/sdc1")
    assert found(tmp_path, "/media/disk/x", renamed, uuids).is_same_place(before)
    # And another one that has its name now is not taken for it.
    assert not found(tmp_path, "/media/disk/x", TABLE, uuids).is_same_place(before)


def mount(point: str, inner: str = "/", source: str = "/dev/sdb1") -> Mount:
    return Mount(point, "ext4", source, None, inner)


def test_what_was_remembered_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now: list[Mount | None] = [mount("/media/disk")]
    monkeypatch.setattr(places, "mount_of", lambda folder: now[0])
    place = Place(tmp_path).remembered()
    assert Place.from_json(place.to_json()) == place
    assert place.found() == place
    for another in (
        mount("/", "/media/disk", "/dev/sda1"),
        mount("/media/disk", source="/dev/sdc"),
    ):
        now[0] = another
        with pytest.raises(MountError, match=r"that was on ext4 \(/dev/sdb1\) at /media/disk"):
            place.found()
    now[0] = None  # it cannot be told
    assert place.found() == place


def test_a_disk_that_has_been_mounted_since_is_taken_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, disk = mount("/", "/media/disk", "/dev/sda1"), mount("/media/disk")
    now = [bare]
    monkeypatch.setattr(places, "mount_of", lambda folder: now[0])
    place = Place(tmp_path).remembered()
    now[0] = disk
    assert place.found().mount == disk
    now[0] = bare
    with pytest.raises(MountError):
        Place(tmp_path, mount=disk).found()


def test_a_folder_that_is_not_there_has_no_disk_to_be_remembered(tmp_path: Path) -> None:
    place = Place(tmp_path / "away")
    assert place.remembered() == place
    with pytest.raises(MountError, match=r"away is not there .* `nstd check --make`"):
        place.found()
    place.folder.mkdir()
    assert place.found().mount == mount_of(place.folder)


def test_without_its_marker_a_folder_is_not_believed(tmp_path: Path) -> None:
    place = Place(tmp_path, marker=".mounted")
    assert place.remembered().mount is None
    with pytest.raises(MountError, match=r"\.mounted is not there"):
        place.found()
    with pytest.raises(MountError):
        place.make_below(tmp_path / "sub")
    assert not (tmp_path / "sub").exists()
    (tmp_path / ".mounted").touch()
    assert place.found().folder == tmp_path


def test_only_what_is_below_it_is_made(tmp_path: Path) -> None:
    place = Place(tmp_path / "top")
    with pytest.raises(MountError):
        place.make_below(tmp_path / "top/a/b")
    assert not (tmp_path / "top").exists()
    place.folder.mkdir()
    for _ in range(2):
        place.make_below(tmp_path / "top/a/b")
        place.make_below(tmp_path / "top")
    assert (tmp_path / "top/a/b").is_dir()
