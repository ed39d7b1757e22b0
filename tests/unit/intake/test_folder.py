"""Which files of a watched folder count, by name, by kind and by place."""

import os
import socket
from pathlib import Path

import pytest

from nstd.intake.folder import WatchedFolder, identify, root_identity, walk
from nstd.ledger.job import FileIdentity


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"frames")
    return path


@pytest.mark.parametrize(
    "name",
    [
        "film.mp4",
        "two words.mp4",
        'it\'s "quoted".mp4',
        "new\nline.mp4",
        os.fsdecode(b"caf\xe9.mp4"),
        "[brackets].mp4",
        "x" * 251 + ".mp4",
        "part",
        "film.part.mp4",
        "~ tilde.mp4",
        "-rf",
    ],
)
def test_no_name_is_too_strange(root: Path, name: str) -> None:
    path = _touch(root / name)
    folder = WatchedFolder(root)
    assert folder.accepts(path)
    assert list(walk(folder).files) == [path]
    assert identify(folder, path) == FileIdentity.from_stat(path.stat())


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.mp4",
        "._resource.mp4",
        "film.mp4~",
        "~$film.mp4",
        "film.mp4.part",
        "film.TMP",
        "film.mp4.crdownload",
        "film.mp4.nstd.yaml",
        "film.NSTD.yaml",
        ".trash/film.mp4",
        "a/.b/c/film.mp4",
        "saving.part/film.mp4",
        "@eaDir/film.mp4/SYNOVIDEO_VIDEO_SCREENSHOT.jpg",
        "sub/@eadir/film.jpg",
        "#recycle/film.mp4",
        "#snapshot/GMT-2026/film.mp4",
        "@Recycle/film.mp4",
        "lost+found/film.mp4",
        "$RECYCLE.BIN/S-1-5-21/$RABCDEF.mp4",
        "System Volume Information/film.mp4",
        ".Trash-1000/files/film.mp4",
        "__MACOSX/._film.mp4",
    ],
)
def test_hidden_temporary_and_system_names_are_ignored(root: Path, name: str) -> None:
    path = _touch(root / name)
    folder = WatchedFolder(root)
    assert not folder.accepts(path)
    assert walk(folder).files == {}
    assert identify(folder, path) is None


def test_patterns_choose_files_whatever_their_case(root: Path) -> None:
    wanted = {_touch(root / "a.MP4"), _touch(root / "sub" / "b.mov")}
    _touch(root / "notes.txt")
    folder = WatchedFolder(root, patterns=("*.mp4", "*.MOV"))
    assert set(walk(folder).files) == wanted


def test_what_is_excluded_does_not_count_whatever_its_case(root: Path) -> None:
    wanted = {_touch(root / "a.mp4"), _touch(root / "sub/proxies.mp4")}
    for name in ("a_draft.mp4", "sub/B_DRAFT.MP4", "proxies/a.mp4", "sub/Proxies/c/d.mp4"):
        _touch(root / name)
    folder = WatchedFolder(root, exclude=("proxies", "*_draft.*"))
    assert set(walk(folder).files) == wanted
    assert folder.enters(root / "sub")
    assert not folder.enters(root / "sub/Proxies/c")


def test_subfolders_count_only_when_asked(root: Path) -> None:
    top, deep = _touch(root / "a.mp4"), _touch(root / "b" / "c" / "d.mp4")
    assert set(walk(WatchedFolder(root)).files) == {top, deep}
    flat = WatchedFolder(root, recursive=False)
    assert set(walk(flat).files) == {top}
    assert not flat.accepts(deep)
    assert walk(flat, deep.parent).files == {}


def test_what_lies_elsewhere_does_not_count(root: Path) -> None:
    folder = WatchedFolder(root)
    assert not folder.accepts(root)
    assert not folder.accepts(_touch(root.parent / "out" / "a.mp4"))
    assert walk(folder, root.parent / "out").files == {}


def test_a_part_of_the_folder_is_walked_alone(root: Path) -> None:
    _touch(root / "a.mp4")
    deep = _touch(root / "b" / "c.mp4")
    assert set(walk(WatchedFolder(root), root / "b").files) == {deep}


def test_links_never_count(root: Path) -> None:
    film = _touch(root / "film.mp4")
    (root / "link.mp4").symlink_to(film)
    (root / "folder").symlink_to(root.parent, target_is_directory=True)
    folder = WatchedFolder(root)
    assert set(walk(folder).files) == {film}
    assert identify(folder, root / "link.mp4") is None


def test_pipes_sockets_and_folders_are_no_films(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(root / "pipe.mp4")
    (root / "folder.mp4").mkdir()
    monkeypatch.chdir(root)  # a socket's path may be no longer than 107 bytes
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.mp4")
        folder = WatchedFolder(root)
        assert walk(folder).files == {}
        for name in ("pipe.mp4", "socket.mp4", "folder.mp4"):
            assert identify(folder, root / name) is None


def test_what_is_gone_is_no_error(root: Path) -> None:
    film = _touch(root / "film.mp4")
    folder = WatchedFolder(root)
    assert identify(folder, root / "gone.mp4") is None
    assert identify(folder, film / "under a file.mp4") is None
    assert walk(folder, root / "gone").files == {}
    assert walk(folder, root / "gone").unlisted == {}


def test_errors_are_kept_and_do_not_end_the_walk(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = _touch(root / "good.mp4"), _touch(root / "bad.mp4")
    locked = _touch(root / "locked" / "film.mp4").parent
    lstat, scandir = Path.lstat, os.scandir

    def failing_lstat(path: Path) -> os.stat_result:
        if path == bad:
            raise OSError(5, "Input/output error")
        return lstat(path)

    def failing_scandir(path: Path) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(Path, "lstat", failing_lstat)
    monkeypatch.setattr(os, "scandir", failing_scandir)
    listing = walk(WatchedFolder(root))
    assert set(listing.files) == {good}
    assert set(listing.failed) == {bad}
    assert set(listing.unlisted) == {locked}


def test_a_folder_is_there_with_its_marker(root: Path) -> None:
    assert root_identity(WatchedFolder(root)) is not None
    folder = WatchedFolder(root, marker=".mounted")
    assert root_identity(folder) is None
    (root / ".mounted").touch()
    assert root_identity(folder) == root_identity(WatchedFolder(root))


def test_a_marker_is_no_film(root: Path) -> None:
    marker = _touch(root / "mounted")
    assert not WatchedFolder(root, marker="mounted").accepts(marker)
    assert WatchedFolder(root).accepts(marker)


def test_a_folder_that_is_gone_or_a_file_is_not_there(root: Path) -> None:
    assert root_identity(WatchedFolder(root / "gone")) is None
    assert root_identity(WatchedFolder(_touch(root / "film.mp4"))) is None
