"""Numbered images are one film."""

import re
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import PIL.Image
import pillow_heif
import pytest

from nstd.media.frame import ImageU8
from tests.clips import picture
from tests.media.program import copy

SIZE = (64, 48)


def shots(folder: Path, numbers: list[int], name: str = "shot_{:04d}.png") -> list[ImageU8]:
    """Images of these numbers, in a folder; and what they show."""
    folder.mkdir(exist_ok=True)
    images = [picture(number, SIZE) for number in numbers]
    for number, image in zip(numbers, images, strict=True):
        PIL.Image.fromarray(image).save(folder / name.format(number))
    return images


def frames_of(path: Path, layout: str = "gbrp") -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format=layout) for frame in container.decode(video=0)]


def same(found: list[np.ndarray], images: list[ImageU8]) -> bool:
    return len(found) == len(images) and all(
        np.array_equal(one, other) for one, other in zip(found, images, strict=True)
    )


@pytest.mark.parametrize("pattern", ["shot_%04d.png", "shot_*.png", "shot_%d.png"])
def test_they_are_painted_as_one_film_in_the_order_of_their_numbers(
    tmp_path: Path, pattern: str, ffprobe: str
) -> None:
    width = "{:d}" if "%d" in pattern else "{:04d}"
    images = shots(tmp_path / "in", [9, 10, 11, 12], f"shot_{width}.png")
    PIL.Image.fromarray(picture(1, SIZE)).save(tmp_path / "in/other.png")
    ended = copy(tmp_path / "in" / pattern, tmp_path / "b.mkv", "--codec", "ffv1", "--rate", "24")
    assert ended.code == 0, ended.said
    assert ended.result["frames"] == 4
    assert same(frames_of(tmp_path / "b.mkv", "rgb24"), images)
    assert copy(tmp_path / "in" / pattern, tmp_path / "c.mp4", "--rate", "24").code == 0
    told = subprocess.run(
        [
            *(ffprobe, "-v", "error", "-select_streams", "v", "-of", "csv=p=0"),
            *("-show_entries", "stream=avg_frame_rate", str(tmp_path / "c.mp4")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "24/1"


def test_a_rate_that_is_not_given_is_25_and_that_is_said(tmp_path: Path) -> None:
    shots(tmp_path / "in", [0, 1, 2])
    ended = copy(tmp_path / "in/shot_%04d.png", tmp_path / "b.mp4")
    assert ended.code == 0
    assert "25 frames per second are taken" in ended.said
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].average_rate == 25


def test_missing_numbers_are_told_and_the_others_follow_on(tmp_path: Path) -> None:
    images = shots(tmp_path / "in", [3, 4, 8, 10])
    ended = copy(tmp_path / "in/shot_%04d.png", tmp_path / "b.mkv", "--codec", "ffv1")
    assert same(frames_of(tmp_path / "b.mkv", "rgb24"), images)
    assert "lacks the images 5 to 7, 9: the others follow on" in ended.report["remarks"]


def test_in_a_folder_it_has_the_name_that_they_share(tmp_path: Path) -> None:
    shots(tmp_path / "in", [1, 2])
    assert copy(tmp_path / "in/shot_%04d.png", Path("out")).code == 0
    shots(tmp_path / "reel", [1, 2], "{:04d}.png")
    assert copy(tmp_path / "reel/%04d.png", Path("out")).code == 0
    assert {path.name for path in Path("out").iterdir()} == {"shot.mp4", "reel.mp4"}


def test_a_part_of_it_is_painted_by_number_or_time(tmp_path: Path) -> None:
    images = shots(tmp_path / "in", list(range(10)))
    options = ("--codec", "ffv1", "--rate", "10")
    pattern = tmp_path / "in/shot_%04d.png"
    assert copy(pattern, tmp_path / "b.mkv", *options, "--frames", "2:5").code == 0
    assert same(frames_of(tmp_path / "b.mkv", "rgb24"), images[2:5])
    assert copy(pattern, tmp_path / "c.mkv", *options, "--frames", "0.2s:0.5s").code == 0
    assert same(frames_of(tmp_path / "c.mkv", "rgb24"), images[2:5])


def test_16_bits_and_alpha_come_along(tmp_path: Path) -> None:
    codes = np.random.default_rng(2).integers(0, 65536, (3, 48, 64, 4), dtype=np.uint16)
    codes[..., 3] = codes[..., 3] // 257 * 257 | 0x1010  # what 8 bits hold of it, and all seen
    for number, one in enumerate(codes):
        cv2.imwrite(f"a{number}.png", one[..., [2, 1, 0, 3]])
    ended = copy(tmp_path / "a%d.png", tmp_path / "b.mkv", "--codec", "ffv1", "--depth", "16")
    assert ended.code == 0, ended.said
    for found, one in zip(frames_of(tmp_path / "b.mkv", "rgba64le"), codes, strict=True):
        assert np.array_equal(found[..., :3], one[..., :3])


def test_images_of_different_sizes_are_refused_before_anything_is_painted(tmp_path: Path) -> None:
    shots(tmp_path / "in", [1, 2, 3])
    PIL.Image.new("RGB", (32, 48)).save(tmp_path / "in/shot_0002.png")
    ended = copy(tmp_path / "in/shot_%04d.png", tmp_path / "b.mp4")
    assert ended.code == 1
    assert "shot_0002.png has 32×48 pixels, and the first of " in ended.result["error"]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("in/none_%04d.png", "No file matches"),
        ("in/*.png", "have the same number"),
        ("nowhere/shot_%04d.png", "No file matches"),
    ],
)
def test_what_is_no_sequence_is_refused(
    tmp_path: Path, pattern: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shots(tmp_path / "in", [1, 2])
    shots(tmp_path / "in", [2], "other_{:d}.png")
    ended = copy(tmp_path / pattern, tmp_path / "b.mp4")
    assert ended.code == 2
    assert said in ended.said


def test_a_rate_is_a_number(tmp_path: Path) -> None:
    shots(tmp_path / "in", [1])
    ended = copy(tmp_path / "in/shot_%04d.png", tmp_path / "b.mp4", "--rate", "fast")
    assert ended.code == 2
    assert "--rate: “fast” is no number of frames per second" in ended.said


def test_numbered_images_become_numbered_images_of_the_same_numbers(tmp_path: Path) -> None:
    images = shots(tmp_path / "in", [41, 42, 43])
    (tmp_path / "out").mkdir()
    ended = copy(tmp_path / "in/shot_%04d.png", tmp_path / "out/shot_%04d.png")
    assert ended.code == 0, ended.said
    names = [f"shot_{number:04d}.png" for number in (41, 42, 43)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name, image in zip(names, images, strict=True):
        with PIL.Image.open(tmp_path / "out" / name) as found:
            assert np.array_equal(np.asarray(found), image)
    # Never in place of the images themselves.
    ended = copy(tmp_path / "in/shot_%04d.png", tmp_path / "in/shot_%04d.png", "--overwrite")
    assert ended.code == 2
    assert "take the place of images to be painted" in ended.said


@pytest.mark.parametrize("suffix", ["jpg", "tif", "webp", "bmp", "heic", "avif"])
def test_images_of_every_kind_are_films(tmp_path: Path, suffix: str) -> None:
    pillow_heif.register_heif_opener()
    for number in (1, 2):
        PIL.Image.fromarray(picture(number, SIZE)).save(f"a{number}.{suffix}")
    ended = copy(tmp_path / f"a%d.{suffix}", tmp_path / "b.mp4")
    assert ended.code == 0, ended.said
    assert ended.result["frames"] == 2
    assert not [one for one in ended.sentences if "lost" in one]


def test_what_images_say_of_themselves_is_named_as_lost(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010F] = "Maker"
    for number in (1, 2):
        PIL.Image.fromarray(picture(number, SIZE)).save(f"a{number}.jpg", exif=exif)
    ended = copy(tmp_path / "a%d.jpg", tmp_path / "b.mp4")
    assert ended.code == 0, ended.said
    (told,) = [one for one in ended.sentences if "lost" in one]
    assert told.startswith("what each image says of itself")
    assert copy(tmp_path / "a%d.jpg", tmp_path / "c.mp4", "--strict").code == 1


def test_a_folder_is_a_sequence_where_that_is_asked_for(tmp_path: Path) -> None:
    images = shots(tmp_path / "in", [8, 9, 10], "take {:03d} final.png")
    (tmp_path / "in/notes.txt").write_text("no image")
    (tmp_path / "in/.hidden_0001.png").write_bytes(b"")
    ended = copy(tmp_path / "in", tmp_path / "b.mkv", "--codec", "ffv1", "--sequence")
    assert ended.code == 0, ended.said
    assert same(frames_of(tmp_path / "b.mkv", "rgb24"), images)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ((), "no numbered images"),
        (("plain.png",), "no numbered images"),
        (("a_1.png", "b_1.png"), "several names.*a_%01d.png, b_%01d.png"),
        (("a_1.png", "a_1.jpg"), "several names"),
    ],
)
def test_a_folder_that_is_no_sequence_is_told(
    tmp_path: Path, names: tuple[str, ...], problem: str
) -> None:
    (tmp_path / "in").mkdir()
    for name in names:
        PIL.Image.fromarray(picture(1, SIZE)).save(tmp_path / "in" / name)
    ended = copy(tmp_path / "in", tmp_path / "b.mkv", "--sequence")
    assert ended.code == 2
    assert re.search(problem, ended.said)
