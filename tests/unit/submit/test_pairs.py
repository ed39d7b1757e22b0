"""Films and pictures that are named, each with the file it becomes."""

from pathlib import Path

import pytest

from nstd.errors import UsageError
from nstd.media.write.codecs import EncodeSettings
from nstd.submit.frames import FrameRange, parse_frames
from nstd.submit.output import OutputSpec
from nstd.submit.pairs import pair


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(folder: Path, names: list[str]) -> list[Path]:
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("sources", "destination", "targets"),
    [
        (["a.mov"], "b.mp4", ["b.mp4"]),
        (["a.mov"], "new", ["new/a.mp4"]),
        (["a.mov"], "there.d", ["there.d/a.mp4"]),
        (["a.mov", "a.avi", "b.jpeg"], "new", ["new/a.mp4", "new/a.avi.mp4", "new/b.jpg"]),
        (["p.bmp"], "p.tiff", ["p.tiff"]),
        (["p.bmp"], "new", ["new/p.png"]),
        (["a.mov"], "new.d/", ["new.d/a.mp4"]),
        (["a.mov"], "b.mp4/", ["b.mp4/a.mp4"]),
        (["a.mov"], "./", ["a.mp4"]),
        (["a.mov"], "./-", ["-/a.mp4"]),
    ],
)
def test_each_source_gets_a_target_of_its_own(
    tmp_path: Path, sources: list[str], destination: str, targets: list[str]
) -> None:
    (tmp_path / "there.d").mkdir()
    pairs = pair(files(tmp_path, sources), destination, OutputSpec(), FrameRange())
    assert pairs == [
        (tmp_path / source, tmp_path / target)
        for source, target in zip(sources, targets, strict=True)
    ]


@pytest.mark.parametrize(
    ("sources", "destination", "problem"),
    [
        (["a.mov", "b.mov"], "c.mp4", "2 inputs cannot all become c.mp4"),
        (["a.mp4"], "a.mp4", "is the film itself"),
        (["a.mp4"], "link.mp4", "is the film itself"),
        (["a.mp4"], "-", "cannot be written to standard output: .* -o ./- is one of that name"),
        (["a.mp4"], "new.d", r"cannot be painted as new\.d.* or in / for a folder"),
        (["a.mp4"], "b.mov", r"b\.mov: the name says mov, and the container asked for is mp4\."),
        (["a.mp4"], "b.png", r"b\.png: the name says png, .* is mp4\. Choose .* in \.mp4,"),
        (["a.mp4"], "b.txt", r"cannot be painted as b\.txt.* in \.mkv or \.mov or \.mp4 or"),
        (["mine.py"], "b.txt", r"mine\.py is no film and no picture"),
        (["p.png"], "p.mp4", r"cannot be painted as p\.mp4"),
    ],
)
def test_targets_that_cannot_be_are_refused(
    tmp_path: Path, sources: list[str], destination: str, problem: str
) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    spec = OutputSpec(encode=EncodeSettings(container="mp4"), overwrite=True)
    with pytest.raises(UsageError, match=problem):
        pair(files(tmp_path, sources), destination, spec, FrameRange())


def test_what_is_no_film_is_told_so_before_its_frames_are_to_be_numbered(tmp_path: Path) -> None:
    """A name for one picture is then not what is wrong; a film without a suffix is a film."""
    (tmp_path / "mine.py").write_text("print('a program')\n")
    with pytest.raises(UsageError, match=r"mine\.py is no film and no picture"):
        pair([tmp_path / "mine.py"], "zz.png", NUMBERED, FrameRange())
    (tmp_path / "film").write_bytes(b"\x1a\x45\xdf\xa3")
    with pytest.raises(UsageError, match=r"zz\.png is a name for one picture"):
        pair([tmp_path / "film"], "zz.png", NUMBERED, FrameRange())


@pytest.mark.parametrize("frames", ["4:", ":5s", "0:1"])
def test_frames_of_a_picture_are_refused(tmp_path: Path, frames: str) -> None:
    inputs = files(tmp_path, ["a.mov", "p.png"])
    with pytest.raises(UsageError, match=r"frames of films, and p\.png is a picture"):
        pair(inputs, "out/", OutputSpec(), parse_frames(frames))
    assert len(pair(inputs, "out/", OutputSpec(), parse_frames(":"))) == 2


NUMBERED = OutputSpec(encode=EncodeSettings("ffv1", 0, container="mkv", pictures="png"))


@pytest.mark.parametrize(
    ("frames", "destination", "expected"),
    [
        ("4:5", "b.png", "b.png"),
        ("4:9", "b_%04d.png", "b_0004.png"),
        (None, "b_%d.png", "b_0.png"),
        ("4:9", "folder/", "folder/a.000004.png"),
        # Which number is first shows only once the film is read.
        ("1s:2s", "b_%04d.png", "b_%04d.png"),
    ],
)
def test_numbered_pictures_are_known_by_the_first(
    tmp_path: Path, frames: str | None, destination: str, expected: str
) -> None:
    source = tmp_path / "a.mp4"
    source.touch()
    named = f"{tmp_path}/{destination}"
    ((_, target),) = pair([source], named, NUMBERED, parse_frames(frames))
    assert target == tmp_path / expected


@pytest.mark.parametrize("frames", [None, "4:6", "4:"])
def test_several_frames_need_a_name_each(tmp_path: Path, frames: str | None) -> None:
    source = tmp_path / "a.mp4"
    source.touch()
    with pytest.raises(UsageError, match=r"b7\.png is a name for one .* as in b7_%04d\.png"):
        pair([source], tmp_path / "b7.png", NUMBERED, parse_frames(frames))


@pytest.mark.parametrize("frames", ["1s:2s", "0:2", None])
def test_numbered_pictures_take_the_place_of_no_image(tmp_path: Path, frames: str | None) -> None:
    files(tmp_path, ["shot_01.png", "shot_02.png", "shot_12.png"])
    for source in ("shot_*.png", "shot_%02d.png"):
        with pytest.raises(UsageError, match="would take the place of images to be painted"):
            pair([tmp_path / source], tmp_path / "shot_%02d.png", NUMBERED, parse_frames(frames))


@pytest.mark.parametrize("frames", [None, "1s:2s"])
def test_two_films_get_numbered_pictures_of_their_own(tmp_path: Path, frames: str | None) -> None:
    sources = files(tmp_path, ["one.mp4", "one.mov", "one.000005.bmp"])
    if frames:
        del sources[2]  # a picture has no range
    found = pair(sources, "out/", NUMBERED, parse_frames(frames))
    first = "%06d" if frames else "000000"
    expected = [f"one.{first}.png", f"one.mov.{first}.png", "one.000005.bmp.png"]
    assert [target.name for _, target in found] == expected[: len(sources)]
