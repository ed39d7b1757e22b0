"""Files of the demonstration take no other file's place."""

from pathlib import Path

import pytest

from nstd.demo.files import DemoFiles, put
from nstd.errors import BusyError, OutputExistsError, StorageError


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / ".film.part"
    path.write_bytes(b"new")
    return path


def test_a_free_place_is_taken(part: Path) -> None:
    target = part.with_name("film")
    assert put(part, target, overwrite=False)
    assert target.read_bytes() == b"new"
    assert not part.exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_same_content_is_left_as_it_is(part: Path, overwrite: bool) -> None:
    target = part.with_name("film")
    target.write_bytes(b"new")
    before = target.stat()
    assert not put(part, target, overwrite=overwrite)
    assert target.stat().st_ino == before.st_ino
    assert not part.exists()


def test_other_content_is_never_replaced_unasked(part: Path) -> None:
    target = part.with_name("film")
    target.write_bytes(b"old")
    with pytest.raises(OutputExistsError, match="is there already, with other content"):
        put(part, target, overwrite=False)
    assert target.read_bytes() == b"old"
    assert not part.exists()
    part.write_bytes(b"new")
    assert put(part, target, overwrite=True)
    assert target.read_bytes() == b"new"


def test_a_folder_in_the_way_is_told(part: Path) -> None:
    target = part.with_name("film")
    target.mkdir()
    with pytest.raises(OutputExistsError):
        put(part, target, overwrite=False)
    with pytest.raises(StorageError):
        put(part, target, overwrite=True)
    assert target.is_dir()


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(StorageError), DemoFiles(tmp_path / "demo").held():
        pass


def test_two_demonstrations_do_not_work_in_one_folder(tmp_path: Path) -> None:
    places = DemoFiles(tmp_path)
    with places.held(), pytest.raises(BusyError, match="Another demonstration"), places.held():
        pass
    with places.held():  # free again
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "alien"),
    [
        ((), None),
        (("sample.mp4",), None),
        (("sample.mp4", "painted.mp4"), None),
        (("painted.mp4",), "painted.mp4"),
        (("sample.mp4", "sheet.png"), "sheet.png"),
        (("sheet.png",), "sheet.png"),
    ],
)
def test_a_later_file_without_the_earlier_is_somebody_else_s(
    tmp_path: Path, there: tuple[str, ...], alien: str | None
) -> None:
    for name in there:
        (tmp_path / name).touch()
    if alien is None:
        DemoFiles(tmp_path).require_in_order()
        return
    with pytest.raises(OutputExistsError, match=alien):
        DemoFiles(tmp_path).require_in_order()
