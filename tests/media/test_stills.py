"""Pictures through the whole program: which are read, what they become, what is told."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pillow_heif
import pytest

from tests.clips import picture
from tests.media.program import copy

pillow_heif.register_heif_opener()
SIZE = (64, 48)


def save(path: Path, form: str, *, count: int = 1, **options: Any) -> Path:
    """A picture of this format, whatever its name says."""
    frames = [PIL.Image.fromarray(picture(n, SIZE)) for n in range(count)]
    more = {"save_all": True, "append_images": frames[1:]} if count > 1 else {}
    with path.open("wb") as file:
        frames[0].save(file, form, **more, **options)
    return path


@pytest.mark.parametrize(
    ("name", "form", "becomes", "suffix"),
    [
        ("a.heic", "HEIF", "JPEG", ".jpg"),
        ("a.HEIF", "HEIF", "JPEG", ".jpg"),
        ("a.avif", "AVIF", "PNG", ".png"),
        ("a.webp", "WEBP", "PNG", ".png"),
        ("a.jpg", "HEIF", "JPEG", ".jpg"),
        ("a.jpg", "PNG", "PNG", ".png"),
        ("a.mp4", "PNG", "PNG", ".png"),
        ("a.png", "JPEG", "JPEG", ".jpg"),
    ],
)
def test_a_picture_is_read_by_its_content_and_written_to_fit(
    tmp_path: Path, name: str, form: str, becomes: str, suffix: str
) -> None:
    ended = copy(save(tmp_path / name, form, quality=95), Path("out"))
    assert ended.code == 0, ended.said
    target = tmp_path / "out" / f"a{suffix}"
    with PIL.Image.open(target) as found:
        assert found.format == becomes
        # Noise in full color: HEIC, AVIF and WebP halve its chroma.
        error = np.abs(np.asarray(found.convert("RGB")).astype(int) - picture(0, SIZE)).mean()
        assert error < (25 if form != "PNG" else 1)


def test_a_transparent_heic_becomes_a_png(tmp_path: Path) -> None:
    image = np.dstack([picture(0, SIZE), np.full(SIZE[::-1], 100, np.uint8)])
    PIL.Image.fromarray(image).save(tmp_path / "a.heic")
    assert copy(tmp_path / "a.heic", Path("out")).code == 0
    with PIL.Image.open(tmp_path / "out/a.png") as found:
        assert found.getchannel("A").getextrema() == (100, 100)


@pytest.mark.parametrize("suffix", [".heic", ".avif", ".webp"])
def test_pictures_are_written_as_asked(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "a.png", "PNG")
    assert copy(tmp_path / "a.png", tmp_path / f"b{suffix}").code == 0
    with PIL.Image.open(tmp_path / f"b{suffix}") as found:
        assert found.size == SIZE
        assert found.format == {".heic": "HEIF"}.get(suffix, suffix[1:].upper())


def test_an_animated_png_is_a_film(tmp_path: Path) -> None:
    ended = copy(save(tmp_path / "a.png", "PNG", count=4, duration=100), tmp_path / "b.mp4")
    assert ended.code == 0, ended.said
    assert ended.result["frames"] == 4


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_of_other_animations_the_first_picture_is_taken_and_that_is_told(
    tmp_path: Path, form: str
) -> None:
    path = save(tmp_path / f"a.{form.lower()}", form, count=3, duration=100)
    ended = copy(path, tmp_path / "b.png")
    assert ended.code == 0, ended.said
    assert "all pictures but the first: lost (it is not read)" in ended.sentences
    assert "all pictures but the first" in ended.said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jxl", b"\xff\x0a\x00"),
        ("a.jpg", b"\xff\x0a\x00"),
        ("a.psd", b"8BPS\0\1"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a.dng", b"II\x2a\0\x08\0\0\0"),
    ],
)
@pytest.mark.parametrize("target", ["b.png", "b.mkv", "out/"])
def test_other_pictures_are_refused_by_name(
    tmp_path: Path, name: str, content: bytes, target: str
) -> None:
    (tmp_path / name).write_bytes(content)
    ended = copy(tmp_path / name, Path(target))
    assert ended.code == 1
    error = ended.result["error"]
    assert "is a picture of the kind" in error
    assert "Convert it to TIFF or PNG" in error
    assert "moov" not in error
    assert "name that ends in" not in error


def test_camera_raw_called_tiff_is_refused_too(tmp_path: Path) -> None:
    tags = PIL.Image.Exif()
    tags[50706] = b"\1\4\0\0"
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture(0, SIZE)).save(buffer, "TIFF", tiffinfo=tags)
    (tmp_path / "a.tif").write_bytes(buffer.getvalue())
    ended = copy(tmp_path / "a.tif", tmp_path / "b.png")
    assert ended.code == 1
    assert "of the kind camera raw" in ended.result["error"]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_pass_through_all_of_the_program(tmp_path: Path, suffix: str) -> None:
    codes = np.random.default_rng(3).integers(0, 65536, (48, 64, 3), dtype=np.uint16)
    cv2.imwrite("a.png", codes)
    ended = copy(tmp_path / "a.png", tmp_path / f"b{suffix}")
    assert ended.code == 0, ended.said
    found = cv2.imread(f"b{suffix}", cv2.IMREAD_UNCHANGED)
    assert found is not None
    assert np.array_equal(found, codes)
    assert ended.sentences == ["more than 8 bits a color: kept"]
    lossy = copy(tmp_path / "a.png", tmp_path / "c.jpg")
    assert lossy.sentences == ["more than 8 bits a color: lost (JPEG cannot hold it)"]
    strict = copy(tmp_path / "a.png", tmp_path / "d.jpg", "--strict")
    assert (strict.result["kind"], (tmp_path / "d.jpg").exists()) == ("LossError", False)


def test_an_exr_is_read_as_light(tmp_path: Path) -> None:
    # Written by nstd as one frame of a film, read as a picture: the same to the rounding of half
    # floats, which have 11 bits.
    codes = np.random.default_rng(3).integers(0, 65536, (48, 64, 3), dtype=np.uint16)
    cv2.imwrite("a1.png", codes)
    assert copy(tmp_path / "a%d.png", tmp_path / "b%d.exr").code == 0
    ended = copy(tmp_path / "b1.exr", tmp_path / "c.png")
    assert ended.code == 0, ended.said
    found = cv2.imread("c.png", cv2.IMREAD_UNCHANGED)
    assert found is not None
    assert np.abs(found.astype(int) - codes).max() < 64
    assert copy(tmp_path / "b%d.exr", tmp_path / "d.mkv", "--codec", "ffv1").code == 0
