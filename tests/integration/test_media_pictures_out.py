"""Films out as pictures: animations, numbered files, one frame."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from nstd.config import OutputConfig
from nstd.errors import AccessError, NstdError, OutputExistsError, StorageError, UsageError
from nstd.files import part_path
from nstd.media.frame import Frame, VideoInfo
from nstd.media.names import is_still
from nstd.media.pictures import read_still
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.write import pictures
from nstd.media.write.animation import write_animation
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.containers import CONTAINERS
from nstd.media.write.numbered import first_of, numbered, rest_path
from nstd.media.write.pictures import assemble_pictures
from nstd.media.write.rehearsal import plan
from nstd.media.write.segment import Assembly
from nstd.submit.output import OutputSpec
from nstd.work.publish import NumberedPictures, put_in_place
from tests import clips, films

DELAYS = (40, 80, 60, 20, 120, 40)
"""Milliseconds that each frame is shown."""
SIZE = (96, 64)
NOTE = json.dumps({"nstd": "1.0", "recipe": {"styles": ["a style"] * 60}}, separators=(",", ":"))
"""Longer than a part of a GIF's comment."""


def settings(kind: str, depth: int | str = "auto") -> EncodeSettings:
    return OutputConfig.model_validate({"container": kind, "depth": depth}).settings(2)


def film(folder: Path, *, alpha: bool = False) -> tuple[VideoInfo, list[Frame]]:
    """Frames of varying length, as they are painted, with 16 bits."""
    times = [sum(DELAYS[:number]) for number in range(len(DELAYS))]
    source = clips.make(folder / "a.mkv", times=times, time_base=Fraction(1, 1000))
    info = replace(probe(source), alpha=alpha)
    ramp = np.tile(np.linspace(0, 255, SIZE[0]).astype(np.uint8), (SIZE[1], 1))
    frames = []
    for frame, lasts in zip(read_frames(source, info), DELAYS, strict=True):
        deep = frame.image.astype(np.uint16) * 257 + np.uint16(frame.index)
        mask = ramp if alpha else None
        frames.append(replace(frame, deep=deep, duration=lasts, alpha=mask))
    return info, frames


def written(
    folder: Path, target: Path, encode: EncodeSettings, cuts: Sequence[int] = (4,), **facts: Any
) -> list[Frame]:
    """What a film becomes, published; gives its frames."""
    info, frames = film(folder, **facts)
    parts = [
        films.write_segment(folder / f"s{first}", info, frames[first:last], encode)
        for first, last in pairwise([0, *cuts, len(frames)])
    ]
    end = Fraction(sum(DELAYS), 1000)
    whole = Assembly(segments=parts, info=info, settings=encode, note=NOTE)
    part = assemble_pictures(whole, target, offsets=range(len(frames)), end=end)
    assert part == part_path(target)
    put_in_place(part, target, OutputSpec(), NumberedPictures.finished(target))
    return frames


def decoded(path: Path, layout: str = "rgb24", *options: str) -> npt.NDArray[np.uint8]:
    """The first picture of a file as Debian's ffmpeg decodes it."""
    command = ["ffmpeg", "-v", "error", *options, "-i", str(path), "-frames:v", "1"]
    raw = ["-f", "rawvideo", "-pix_fmt", layout, "-"]
    made = subprocess.run([*command, *raw], check=True, capture_output=True)
    return np.frombuffer(made.stdout, np.uint8).reshape(SIZE[1], SIZE[0], -1)


def shown(path: Path) -> tuple[list[int], list[npt.NDArray[np.uint8]]]:
    """An animation's delays in milliseconds, and its pictures, as Pillow has them."""
    delays, pictures = [], []
    with PIL.Image.open(path) as picture:
        assert picture.info.get("loop") == 0  # for ever
        for number in range(picture.n_frames):  # type: ignore[attr-defined]
            picture.seek(number)
            pictures.append(np.asarray(picture.convert("RGBA")))
            delays.append(round(picture.info["duration"]))
    return delays, pictures


@pytest.mark.parametrize(("kind", "close"), [("gif", 6), ("apng", 0), ("webp", 3)])
@pytest.mark.parametrize("alpha", [False, True])
def test_an_animation_has_the_frames_their_times_and_their_alpha(
    tmp_path: Path, kind: str, close: float, alpha: bool
) -> None:
    target = tmp_path / f"x.{kind}"
    frames = written(tmp_path, target, settings(kind), alpha=alpha)
    delays, pictures = shown(target)
    assert delays == pytest.approx(DELAYS, abs=1)
    for picture, frame in zip(pictures, frames, strict=True):
        seen = np.ones(SIZE[::-1], bool) if frame.alpha is None else frame.alpha == 255
        assert np.abs(picture[..., :3].astype(int) - frame.image)[seen].mean() <= close
        if frame.alpha is None:
            assert picture[..., 3].min() == 255
        elif kind == "gif":  # there or not
            assert np.array_equal(picture[..., 3] > 0, frame.alpha >= 128)
        else:
            assert np.array_equal(picture[..., 3], frame.alpha)


@pytest.mark.parametrize("kind", ["gif", "apng", "webp", "png", "tif", "exr", "jpg"])
def test_the_same_film_gives_the_same_bytes_however_it_was_cut(tmp_path: Path, kind: str) -> None:
    found = []
    for name, cuts in (("one", (4,)), ("other", (1, 2))):
        folder = tmp_path / name
        folder.mkdir()
        target = folder / f"x_0000.{kind}"
        written(folder, target, settings(kind), cuts)
        found.append([path.read_bytes() for path in sorted(folder.glob("x_*"))])
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["gif", "apng", "webp", "png", "tif", "exr", "jpg"])
def test_all_pictures_say_how_they_were_painted(tmp_path: Path, kind: str, ffprobe: str) -> None:
    target = tmp_path / f"x_0000.{kind}"
    written(tmp_path, target, settings(kind))
    for path in {target, *tmp_path.glob(f"x_*.{kind}")}:
        found = read_still(path).note if is_still(path) else probe(path).note
        assert found == NOTE
    # Another program finds it too.
    if kind in {"gif", "exr"}:
        ask = [ffprobe, "-v", "error", "-show_format", "-show_frames", "-of", "json", str(target)]
        told = json.loads(subprocess.run(ask, check=True, capture_output=True).stdout)
        tags = (told["format"] if kind == "gif" else told["frames"][0])["tags"]
        parts = [text for key, text in tags.items() if key.startswith(("comment", "nstd"))]
        assert "".join(parts) == NOTE
        return
    with PIL.Image.open(target) as picture:
        if kind == "apng":
            assert picture.text == {"nstd": NOTE}  # type: ignore[attr-defined]
        else:
            assert NOTE in picture.getexif().values()


@pytest.mark.parametrize("alpha", [False, True])
def test_an_animation_of_one_picture_says_so_too(tmp_path: Path, alpha: bool) -> None:
    def frames() -> Iterator[av.VideoFrame]:
        for pts in range(3):
            codes = np.full((SIZE[1], SIZE[0], 4), 200, np.uint8)
            codes[:20, :30, 3] = 0 if alpha else 200
            codes[20:, :, 3] = 255 if alpha else 200
            frame = av.VideoFrame.from_ndarray(
                codes if alpha else codes[..., :3].copy(), format="rgba" if alpha else "rgb24"
            )
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            yield frame

    target = tmp_path / "x.webp"
    write_animation(target, CONTAINERS["webp"], frames, Fraction(3, 25))
    with PIL.Image.open(target) as picture:
        before = np.asarray(picture.convert("RGBA"))
    write_animation(target, CONTAINERS["webp"], frames, Fraction(3, 25), NOTE)
    still = read_still(target)
    assert still.note == NOTE
    with PIL.Image.open(target) as picture:
        assert np.array_equal(np.asarray(picture.convert("RGBA")), before)
    assert (still.alpha is not None) == alpha


def test_what_a_gif_says_of_its_paint_is_no_comment_of_another_film(tmp_path: Path) -> None:
    target = tmp_path / "x.gif"
    written(tmp_path, target, settings("gif"))
    assert plan(target, probe(target), settings("gif")).fates == ()
    assert plan(target, probe(target), EncodeSettings()).fates == ()


def test_a_gif_has_no_frame_that_browsers_would_slow_down(tmp_path: Path) -> None:
    info, frames = film(tmp_path)
    stamps = [0, 10, 20, 60, 65, 100]
    quick = [replace(one, pts=info.start + at) for one, at in zip(frames, stamps, strict=True)]
    encode = settings("gif")
    segment = films.write_segment(tmp_path / "s", info, quick, encode)
    target = tmp_path / "x.gif"
    end = Fraction(140, 1000)
    whole = Assembly(segments=[segment], info=info, settings=encode)
    assemble_pictures(whole, target, offsets=range(6), end=end).rename(target)
    assert shown(target)[0] == [20, 40, 40, 40]


@pytest.mark.parametrize(
    ("kind", "depth", "layout"),
    [("png", "auto", "rgb24"), ("png", 16, "rgb48le"), ("tif", "auto", "rgb48le")],
)
def test_numbered_pictures_are_lossless_at_their_depth(
    tmp_path: Path, kind: str, depth: int | str, layout: str
) -> None:
    first = tmp_path / f"x_0098.{kind}"
    frames = written(tmp_path, first, settings(kind, depth))
    assert films.names(tmp_path) == [
        *("a.mkv", "s0", "s4"),
        *(f"x_{number:04}.{kind}" for number in range(98, 104)),
    ]
    for offset, frame in enumerate(frames):
        found = decoded(numbered(first, offset), layout)
        expected = frame.image if layout == "rgb24" else frame.deep
        assert expected is not None
        assert np.array_equal(np.ascontiguousarray(found).view(expected.dtype), expected)


def test_an_exr_is_linear_light_and_multiplied_by_alpha(tmp_path: Path) -> None:
    first = tmp_path / "x_0.exr"
    frames = written(tmp_path, first, settings("exr"))
    for offset in (0, 5):
        # Back in sRGB, half floats keep 8 bits to the rounding.
        back = decoded(numbered(first, offset), "rgb24", "-apply_trc", "iec61966_2_1")
        assert np.abs(back.astype(int) - frames[offset].image).max() <= 1
    (tmp_path / "alpha").mkdir()
    target = tmp_path / "alpha" / "y_0.exr"
    frames = written(tmp_path / "alpha", target, settings("exr"), alpha=True)
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", target, "-f", "rawvideo", "-pix_fmt", "gbrapf32le", "-"],
        check=True,
        capture_output=True,
    ).stdout
    planes = np.frombuffer(raw, "<f4").reshape(4, SIZE[1], SIZE[0])
    alpha, encoded = frames[0].alpha, frames[0].image[..., 1] / 255
    assert alpha is not None
    np.testing.assert_allclose(planes[3], alpha / 255, atol=1e-3)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(planes[0], linear * alpha / 255, atol=2e-3)


@pytest.mark.parametrize(
    ("pattern", "number", "name"),
    [
        ("x_%04d.png", 7, "x_0007.png"),
        ("x%d.tif", 12, "x12.tif"),
        ("100%d_%03d.exr", 4, "1004_%03d.exr"),
        ("plain.png", 4, "plain.png"),
    ],
)
def test_a_pattern_names_the_first_picture(pattern: str, number: int, name: str) -> None:
    assert first_of(Path(pattern), number).name == name


@pytest.mark.parametrize(
    ("first", "offset", "name"),
    [
        ("x_0009.png", 1, "x_0010.png"),
        ("take2_x9.png", 3, "take2_x12.png"),
        ("x_0099b.tif", 1, "x_0100b.tif"),
    ],
)
def test_the_others_count_on_from_it(first: str, offset: int, name: str) -> None:
    assert numbered(Path(first), offset).name == name


def test_a_name_without_a_number_is_for_one_picture() -> None:
    assert numbered(Path("x.png"), 0).name == "x.png"
    with pytest.raises(UsageError, match=r"x\.png is a name for one .* as in x_%04d\.png"):
        numbered(Path("x.png"), 1)


class TestPublishing:
    def finished(self, folder: Path) -> Path:
        """Three pictures that are not published yet."""
        target = folder / "x_0004.png"
        part_path(target).write_bytes(b"4")
        rest_path(target).mkdir()
        for number in (5, 6):
            (rest_path(target) / f"x_000{number}.png").write_bytes(b"%d" % number)
        return target

    def contents(self, folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def test_a_file_of_somebody_elses_is_not_replaced_and_nothing_is_published(
        self, tmp_path: Path
    ) -> None:
        target = self.finished(tmp_path)
        (tmp_path / "x_0006.png").write_bytes(b"mine")
        found = NumberedPictures.finished(target)
        for spec in (OutputSpec(), OutputSpec(overwrite=True, only_own=True)):
            with pytest.raises(OutputExistsError, match=r"x_0006\.png is there already"):
                put_in_place(part_path(target), target, spec, found)
        assert (tmp_path / "x_0006.png").read_bytes() == b"mine"
        assert not target.exists()
        assert not (tmp_path / "x_0005.png").exists()
        put_in_place(part_path(target), target, OutputSpec(overwrite=True), found)
        expected = {"x_0004.png": b"4", "x_0005.png": b"5", "x_0006.png": b"6"}
        assert self.contents(tmp_path) == expected

    @pytest.mark.parametrize("published", [0, 1, 2])
    @pytest.mark.parametrize("unlinked", [False, True])
    def test_after_a_crash_it_goes_on_with_what_is_not_in_its_place(
        self, tmp_path: Path, published: int, unlinked: bool
    ) -> None:
        target = self.finished(tmp_path)
        found = NumberedPictures.finished(target)
        for number in (5, 6)[:published]:
            hidden = rest_path(target) / f"x_000{number}.png"
            (tmp_path / hidden.name).hardlink_to(hidden)
            if unlinked:
                hidden.unlink()
        assert not target.exists()  # which is the last, and tells of all
        alive: list[int] = []
        put_in_place(part_path(target), target, OutputSpec(), found, alive=lambda: alive.append(1))
        assert len(alive) == 2 - published
        expected = {"x_0004.png": b"4", "x_0005.png": b"5", "x_0006.png": b"6"}
        assert self.contents(tmp_path) == expected

    def test_a_folder_of_somebody_elses_is_left_alone(self, tmp_path: Path) -> None:
        target = tmp_path / "out.mp4"
        rest_path(target).mkdir()
        (rest_path(target) / "other.txt").write_bytes(b"mine")
        part_path(target).write_bytes(b"film")
        put_in_place(part_path(target), target, OutputSpec(), NumberedPictures())
        assert sorted(path.name for path in tmp_path.iterdir()) == [".out.mp4.frames", "out.mp4"]
        assert (rest_path(target) / "other.txt").read_bytes() == b"mine"


@pytest.mark.parametrize("refused", [False, True])
def test_an_error_on_the_way_leaves_nothing_beside_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    def failing(*given: Any) -> bytes:
        if len(list(rest_path(target).glob("*.exr"))) == 2:
            if refused:
                monkeypatch.setattr(pictures, "discard", refusing)
                raise StorageError("It failed")
            raise av.ExternalError(1, "It failed")
        return original(*given)

    def refusing(_: Path) -> None:
        raise AccessError("No permission")

    original = pictures._exr
    monkeypatch.setattr(pictures, "_exr", failing)
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "x_0000.exr"
    with pytest.raises(NstdError, match="It failed"):
        written(tmp_path, target, settings("exr"))
    assert refused or list(folder.iterdir()) == []


def test_what_pictures_do_not_hold_is_in_the_plan(tmp_path: Path) -> None:
    source = clips.make(
        tmp_path / "a.mp4", sound=("aac",), subtitles="mov_text", chapters=True, title="A title"
    )
    shape = Fraction(4, 3)
    info = replace(probe(source), frame_rate=Fraction(60), alpha=True, sample_aspect_ratio=shape)
    keeping = plan(source, info, settings("gif"))
    assert [fate.sentence for fate in keeping.fates] == [
        "transparency: converted to all or nothing (a gif's colors are there or not)",
        "pixels 4/3 as wide as high: lost (gif has square ones)",
        "frames: converted to 50 a second at most (browsers slow a gif down that has more)",
        "stream 1 (audio, aac, und): lost (gif holds pictures alone)",
        "stream 2 (subtitle, mov_text, und): lost (gif holds pictures alone)",
        "chapters: lost (gif holds pictures alone)",
        "what the film says of itself (title): lost (gif cannot hold it)",
    ]
    assert all(fate.loss for fate in keeping.fates)


@pytest.mark.parametrize(
    ("encode", "outcome"),
    [
        (EncodeSettings(), "converted"),
        (EncodeSettings("vp9", container="mp4"), "converted"),
        (EncodeSettings("vp9", container="webm"), "kept"),
        (EncodeSettings("prores", container="mov"), "kept"),
        (EncodeSettings("prores", container="mov", profile="hq"), "converted"),
        (settings("png"), "kept"),
        (settings("jpg"), "converted"),
    ],
)
def test_alpha_is_in_the_plan(tmp_path: Path, encode: EncodeSettings, outcome: str) -> None:
    source = clips.make(tmp_path / "a.mp4")
    (fate,) = plan(source, replace(probe(source), alpha=True), encode).fates
    assert (fate.what, fate.outcome, fate.loss) == ("transparency", outcome, outcome != "kept")
