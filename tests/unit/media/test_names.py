"""What a file is depends on its content, and on its name only where that does not tell."""

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pillow_heif
import pytest

from nstd.errors import UnsupportedError
from nstd.media.names import is_media, is_refused_picture, kind_of, why_no_media

pillow_heif.register_heif_opener()


def picture(form: str, *, alpha: bool = False, count: int = 1) -> bytes:
    mode = "RGBA" if alpha else "RGB"
    frames = [PIL.Image.new(mode, (32, 32), (9, n, 40, 128)[: len(mode)]) for n in range(count)]
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:]} if count > 1 else {}
    frames[0].save(buffer, form, **more)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF", "AVIF"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.heic", "a.mp4", "a"])
def test_a_picture_is_one_whatever_it_is_called(tmp_path: Path, form: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(picture(form))
    kind = kind_of(path)
    assert kind.still
    assert kind.format == form


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        b"\x1a\x45\xdf\xa3\x01\0\0\0",
        b"RIFF\x10\0\0\0AVI LIST",
        picture("GIF"),
        picture("PNG", count=2),
    ],
    ids=["mp4", "mov", "mkv", "avi", "gif", "apng"],
)
def test_a_film_is_one_though_it_is_called_a_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert not kind_of(path).still


def test_by_its_name_goes_what_says_nothing_else(tmp_path: Path) -> None:
    for name, still in (("a.jpg", True), ("a.HEIC", True), ("a.ts", False), ("a.txt", False)):
        (tmp_path / name).write_bytes(b"neither this nor that")
        assert kind_of(tmp_path / name).still == still
        assert kind_of(tmp_path / "none" / name).still == still


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"8BPS\0\1", "Photoshop"),
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"gimp xcf v011", "GIMP"),
        (b"%PDF-1.7", "PDF"),
        (b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"II\x2a\0\x10\0\0\0CR\2\0", "camera raw"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "camera raw"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw"),
    ],
)
def test_other_pictures_are_refused_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    for suffix in (".jpg", ".mp4", ".bin"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(content)
        with pytest.raises(UnsupportedError, match=f"of the kind {name}, .*\n?.*TIFF or PNG"):
            kind_of(path)


@pytest.mark.parametrize("suffix", [".jxl", ".jp2", ".svgz", ".DNG", ".psd", ".nef"])
def test_what_only_the_name_tells_is_refused_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(picture("TIFF") if suffix in {".DNG", ".nef"} else b"unknown")
    with pytest.raises(UnsupportedError, match="which is not read"):
        kind_of(path)
    assert is_refused_picture(path)
    assert not is_media(path)
    assert "convert it to TIFF or PNG" in why_no_media(path)


def test_that_a_heif_may_be_transparent_is_known_beforehand(tmp_path: Path) -> None:
    for alpha in (False, True):
        path = tmp_path / f"{alpha}.heic"
        path.write_bytes(picture("HEIF", alpha=alpha))
        assert kind_of(path).alpha == alpha


def test_a_long_profile_before_the_pixels_hides_no_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    frames = [PIL.Image.fromarray(np.full((8, 8, 3), n, np.uint8)) for n in (1, 2)]
    frames[0].save(path, save_all=True, append_images=frames[1:], icc_profile=bytes(40_000))
    assert not kind_of(path).still
