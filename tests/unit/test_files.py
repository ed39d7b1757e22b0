"""Publishing: nothing half-written is seen, nothing that is there is overwritten."""

import errno
import os
import threading
from pathlib import Path

import pytest

from nstd import files
from nstd.errors import (
    AccessError,
    DiskFullError,
    InputError,
    OutputExistsError,
    StorageError,
    UnreadableError,
    UnsupportedError,
)
from nstd.files import (
    descriptors_in,
    empty_folder,
    facts_of,
    opened,
    part_path,
    publish,
    readable,
    removed_on_failure,
    rename_to_free_name,
    size_text,
    write_whole,
)
from tests.films import names
from tests.unprivileged import unprivileged


def part_of(target: Path, content: str = "new") -> Path:
    part = part_path(target)
    part.write_text(content)
    return part


def test_what_is_not_there_is_told_from_what_cannot_be_looked_at(
    tmp_path: Path, deniable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "closed/film.mp4"
    film.parent.mkdir()
    film.write_text("a film")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for absent in (film.with_name("other.mp4"), film / "below", tmp_path / "loop"):
        assert facts_of(absent) is None
    found = facts_of(film)
    assert found is not None
    assert found.st_size == len("a film")
    film.parent.chmod(0o000)
    with unprivileged(), pytest.raises(AccessError, match="looking at"):
        facts_of(film)
    film.parent.chmod(0o700)

    def stale(self: Path) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(Path, "stat", stale)
    with pytest.raises(StorageError, match="Stale file handle"):
        facts_of(film)


def test_a_part_is_hidden_and_beside_its_target(tmp_path: Path) -> None:
    assert part_path(tmp_path / "a b.mp4") == tmp_path / ".a b.mp4.part"


def test_a_part_of_the_longest_name_still_has_a_legal_name(tmp_path: Path) -> None:
    target = tmp_path / ("ü" * 120 + "x" * 11 + ".mp4")
    assert len(os.fsencode(target.name)) == 255
    part = part_of(target)
    assert part.name.startswith(".")
    assert part.name.endswith(".part")
    publish(part, target, overwrite=False)
    assert target.read_text() == "new"


def test_publishing_moves_the_part(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    publish(part_of(target), target, overwrite=False)
    assert names(tmp_path) == ["film.mp4"]
    assert target.read_text() == "new"


def test_an_existing_output_is_not_touched_and_the_part_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    target.write_text("old")
    part = part_of(target)
    with pytest.raises(OutputExistsError, match=r"film\.mp4 is there already"):
        publish(part, target, overwrite=False)
    assert target.read_text() == "old"
    assert part.read_text() == "new"


def test_overwriting_replaces(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    target.write_text("old")
    publish(part_of(target), target, overwrite=True)
    assert target.read_text() == "new"


def test_publishing_again_after_a_kill_between_link_and_unlink(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    part = part_of(target)
    os.link(part, target)
    publish(part, target, overwrite=False)
    assert names(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_hard_links_it_works_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("nstd.files.os.link", refuse)
    target = tmp_path / "film.mp4"
    publish(part_of(target), target, overwrite=False)
    assert names(tmp_path) == ["film.mp4"]
    assert target.read_text() == "new"
    part = part_of(target, "newer")
    with pytest.raises(OutputExistsError):
        publish(part, target, overwrite=False)
    assert target.read_text() == "new"
    assert part.read_text() == "newer"
    target.write_text("")  # killed between the reservation and the replacement
    publish(part, target, overwrite=False)
    assert target.read_text() == "newer"


def test_of_many_that_publish_at_once_exactly_one_wins(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    parts = []
    for number in range(8):
        part = tmp_path / f".{number}.part"
        part.write_text(str(number))
        parts.append(part)
    gate = threading.Barrier(len(parts))
    won: list[str] = []

    def race(part: Path) -> None:
        gate.wait()
        try:
            publish(part, target, overwrite=False)
        except OutputExistsError:
            return
        won.append(part.name[1:-5])

    racers = [threading.Thread(target=race, args=(part,)) for part in parts]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert won == [target.read_text()]


def test_a_missing_part_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        publish(tmp_path / "none.part", tmp_path / "film.mp4", overwrite=False)


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, DiskFullError), (errno.EACCES, AccessError)]
)
def test_a_file_system_that_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("nstd.files.os.fsync", refuse)
    with pytest.raises(kind):
        write_whole(tmp_path / "frame.png", b"content")
    assert names(tmp_path) == []


def test_an_interruption_removes_the_part(tmp_path: Path) -> None:
    part = tmp_path / ".film.part"

    def interrupted() -> None:
        with removed_on_failure(part):
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not part.exists()


def refuse_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Linux does: whether the name is free it looks at first."""

    def refuse(_: Path, target: Path) -> None:
        if target.exists():
            raise FileExistsError(errno.EEXIST, "File exists")
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("nstd.files.os.link", refuse)


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize("old", [None, "", "a film"])
def test_a_reservation_from_before_a_kill_is_known_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str | None, call: bool
) -> None:
    refuse_links(monkeypatch)
    if not call:
        monkeypatch.setattr(files, "_libc", object())
    part, target = tmp_path / ".a.part", tmp_path / "a"
    part.write_text("new")
    if old is not None:
        target.write_text(old)
    if old:
        with pytest.raises(OutputExistsError):
            publish(part, target, overwrite=False)
        assert (part.read_text(), target.read_text()) == ("new", old)
    else:
        publish(part, target, overwrite=False)
        assert target.read_text() == "new"
        assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_empty_file_of_somebody_elses_stays_where_there_are_links(tmp_path: Path) -> None:
    part, target = tmp_path / ".a.part", tmp_path / "a"
    part.write_text("new")
    target.touch()
    with pytest.raises(OutputExistsError):
        publish(part, target, overwrite=False)
    assert target.read_text() == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.part", "a"]


@pytest.mark.parametrize("old", ["", "a film"])
def test_a_rename_to_a_free_name_replaces_nothing(tmp_path: Path, old: str) -> None:
    path, target = tmp_path / "b", tmp_path / "a"
    path.write_text("new")
    target.write_text(old)
    with pytest.raises(OutputExistsError):
        rename_to_free_name(path, target)
    assert (path.read_text(), target.read_text()) == ("new", old)
    target.unlink()
    rename_to_free_name(path, target)
    assert target.read_text() == "new"
    assert not path.exists()


def test_an_emptied_folder_is_the_same_folder(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "a", tmp_path / "b"
    (folder / "c/d").mkdir(parents=True)
    (folder / "c/e").touch()
    elsewhere.mkdir()
    (elsewhere / "f").touch()
    (folder / "link").symlink_to(elsewhere)
    number = folder.stat().st_ino
    empty_folder(folder)
    assert not list(folder.iterdir())
    assert folder.stat().st_ino == number
    assert (elsewhere / "f").exists()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (12 << 10, "12 KiB"),
        (1023 << 10, "0.999 MiB"),
        (5 << 20, "5 MiB"),
        (1 << 30, "1 GiB"),
        (int(3.25 * (1 << 30)), "3.25 GiB"),
        (130 << 30, "130 GiB"),
        (10**15, "909 TiB"),
        (10**18, "909,495 TiB"),
    ],
)
def test_a_number_of_bytes_is_told_in_a_unit_that_shows_it(count: int, text: str) -> None:
    assert size_text(count) == text


def test_a_file_is_opened_beneath_its_folder_without_following_a_link(tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for name in ("in/sub/a", "out/a"):
        (tmp_path / name).write_text(name)
    (tmp_path / "in/file").symlink_to("sub/a")
    (tmp_path / "in/folder").symlink_to("../out")
    (tmp_path / "root").symlink_to("in")
    with opened(tmp_path / "root/sub/a", beneath=tmp_path / "root") as descriptor:
        assert readable(descriptor).read_text() == "in/sub/a"
    for name in ("in/file", "in/folder/a", "in/sub/a/b"):
        with (
            pytest.raises(UnsupportedError, match="is a link, or lies behind one"),
            opened(tmp_path / name, beneath=tmp_path / "in"),
        ):
            pass
    with opened(tmp_path / "in/file", beneath=None) as descriptor:
        assert readable(descriptor).read_text() == "in/sub/a"


@pytest.mark.parametrize("beneath", [True, False])
def test_only_a_file_is_opened_and_nothing_is_waited_for(tmp_path: Path, *, beneath: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/null")
    found = {"pipe": "is a pipe", "folder": "is a folder", "gone": "There is no "}
    found["device"] = "is a link" if beneath else "is a pipe or a device"
    for name, words in found.items():
        with (
            pytest.raises(InputError, match=words),
            opened(tmp_path / name, beneath=tmp_path if beneath else None),
        ):
            pass


def test_what_is_opened_stays_the_same_file_and_is_shown_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a\\1.mp4"
    path.write_text("first")
    with opened(path, beneath=tmp_path) as descriptor:
        path.rename(tmp_path / "b")
        path.write_text("second")
        inner = readable(descriptor)
        assert inner.read_text() == "first"
        assert str(UnreadableError(f"{inner} is odd", "Look")) == f"{path} is odd. Look."
        assert descriptors_in(inner) == (descriptor,)
    assert descriptors_in(path) == ()
