"""Stills: whatever comes in is upright sRGB; what goes out keeps what belonged to the picture."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pillow_heif
import pytest
from PIL import ImageCms

from nstd.errors import UnreadableError, UnsupportedError, VanishedError
from nstd.files import publish
from nstd.media.frame import ImageU8
from nstd.media.names import STILL_SUFFIXES
from nstd.media.pictures import read_still, read_style_image
from nstd.media.read.limits import Limits
from nstd.media.still import Still
from nstd.media.still_notes import StillNotes
from nstd.media.still_write import encode_still
from tests.films import names
from tests.stills import keeping


def blocks(height: int = 32, width: int = 48) -> ImageU8:
    """Even 16×16 blocks, so that JPEG keeps their colors."""
    rng = np.random.default_rng(3)
    colors = rng.integers(30, 226, (height // 16, width // 16, 3), dtype=np.uint8)
    return colors.repeat(16, axis=0).repeat(16, axis=1)


pillow_heif.register_heif_opener()


def saved(path: Path, image: ImageU8 | PIL.Image.Image, **options: Any) -> Path:
    picture = image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)
    picture.save(path, **options)
    return path


def difference(one: ImageU8, other: ImageU8) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp"])
def test_lossless_formats_are_read_exactly(tmp_path: Path, suffix: str) -> None:
    still = read_still(saved(tmp_path / f"a{suffix}", blocks()))
    assert np.array_equal(still.image, blocks())
    assert still.alpha is None


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_lossy_formats_are_read_closely(tmp_path: Path, suffix: str) -> None:
    options = {"subsampling": 0} if suffix != ".webp" else {}
    path = saved(tmp_path / f"a{suffix}", blocks(), quality=95, **options)
    # Even blocks lose only rounding in JPEG; WebP halves the chroma's resolution at their edges.
    limit = 4 if suffix != ".webp" else 90
    assert difference(read_still(path).image, blocks()) <= limit


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = PIL.Image.fromarray(blocks())
    T = PIL.Image.Transpose
    back = {
        2: T.FLIP_LEFT_RIGHT,
        3: T.ROTATE_180,
        4: T.FLIP_TOP_BOTTOM,
        5: T.TRANSPOSE,
        6: T.ROTATE_90,
        7: T.TRANSVERSE,
        8: T.ROTATE_270,
    }
    stored = upright.transpose(back[orientation]) if orientation > 1 else upright
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    still = read_still(saved(tmp_path / "a.png", stored, exif=exif))
    assert np.array_equal(still.image, blocks())
    assert still.notes.exif is not None
    kept = PIL.Image.Exif()
    kept.load(still.notes.exif)
    assert dict(kept) == {0x010F: "Maker"}


def test_grey_becomes_rgb(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    still = read_still(saved(tmp_path / "a.png", PIL.Image.fromarray(grey)))
    assert np.array_equal(still.image, np.stack([grey] * 3, axis=2))


def test_grey_of_16_bits_is_scaled_not_clipped(tmp_path: Path) -> None:
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    still = read_still(saved(tmp_path / "a.png", PIL.Image.fromarray(deep)))
    assert np.array_equal(still.image[..., 0], np.arange(256).reshape(16, 16))


def test_one_bit_pictures_are_black_and_white(tmp_path: Path) -> None:
    bits = PIL.Image.fromarray(np.eye(16, dtype=np.uint8) * 255).convert("1")
    assert set(np.unique(read_still(saved(tmp_path / "a.png", bits)).image)) == {0, 255}


def test_a_palette_with_a_transparent_color_has_alpha(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(blocks()).convert("P", palette=PIL.Image.Palette.ADAPTIVE)
    index = picture.getpixel((0, 0))
    still = read_still(saved(tmp_path / "a.png", picture, transparency=index))
    assert still.alpha is not None
    assert still.alpha[0, 0] == 0
    assert still.alpha.max() == 255
    assert np.array_equal(still.image[still.alpha > 0], blocks()[still.alpha > 0])


def test_alpha_is_kept_apart(tmp_path: Path) -> None:
    alpha = np.linspace(0, 255, 32 * 48).astype(np.uint8).reshape(32, 48)
    picture = PIL.Image.fromarray(np.dstack([blocks(), alpha]))
    still = read_still(saved(tmp_path / "a.png", picture))
    assert np.array_equal(still.image, blocks())
    assert still.alpha is not None
    assert np.array_equal(still.alpha, alpha)


def test_cmyk_is_converted(tmp_path: Path) -> None:
    red = PIL.Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    still = read_still(saved(tmp_path / "a.tif", red))
    assert np.array_equal(still.image, np.full((16, 16, 3), (255, 0, 0)))


def test_a_color_profile_is_applied(tmp_path: Path) -> None:
    # LAB's own profile: L 50 %, a 0, b 0 is a middle grey, 119 in sRGB.
    lab = PIL.Image.new("LAB", (8, 8), (128, 128, 128))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    still = read_still(saved(tmp_path / "a.tif", lab, icc_profile=profile))
    assert difference(still.image, np.full((8, 8, 3), 119, np.uint8)) <= 2


def test_lab_without_a_profile_is_converted(tmp_path: Path) -> None:
    still = read_still(saved(tmp_path / "a.tif", PIL.Image.new("LAB", (8, 8), (128, 128, 128))))
    assert difference(still.image, np.full((8, 8, 3), 119, np.uint8)) <= 2


def test_a_broken_profile_is_said_and_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    still = read_still(saved(tmp_path / "a.png", blocks(), icc_profile=b"no profile at all"))
    assert np.array_equal(still.image, blocks())
    assert "profile that cannot be used" in caplog.text


def test_of_an_animation_the_first_picture_is_read_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    second = PIL.Image.fromarray(255 - blocks())
    options = {"save_all": True, "append_images": [second], "lossless": True}
    still = read_still(saved(tmp_path / "a.webp", blocks(), **options))
    assert np.array_equal(still.image, blocks())
    assert "all pictures but the first" in still.lost
    assert "only the first is used" in caplog.text


@pytest.mark.parametrize("suffix", sorted(STILL_SUFFIXES))
def test_damaged_pictures_are_said_to_be(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"a{suffix}", blocks(64, 96))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableError, match=r"is damaged|is not a picture"):
        read_still(path)


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    empty, text = tmp_path / "a.png", tmp_path / "b.jpg"
    empty.touch()
    text.write_text("hello")
    with pytest.raises(UnreadableError, match="is empty"):
        read_still(empty)
    with pytest.raises(UnreadableError, match="is not a picture"):
        read_still(text)
    with pytest.raises(UnreadableError, match="is a folder"):
        read_still(tmp_path)
    with pytest.raises(VanishedError):
        read_still(tmp_path / "none.png")


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    PIL.Image.new("1", (12_000, 10_001)).save(buffer, "PNG")
    path = tmp_path / "bomb.png"
    # Its header is enough: of what would have to be decoded there is next to nothing.
    path.write_bytes(buffer.getvalue()[:100])
    with pytest.raises(UnsupportedError, match=r"12000×10001 pixels .* and the limit is 120\."):
        read_still(path)
    with pytest.raises(UnreadableError, match="is damaged"):
        read_still(path, Limits(still_megapixels=121))


def test_a_file_too_large_for_a_picture_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(3 << 30)  # a hole: it takes no space
    with pytest.raises(UnsupportedError, match="3 GiB, more than any picture of 120 megapix"):
        read_still(path)


@pytest.mark.parametrize("suffix", sorted(STILL_SUFFIXES))
def test_a_picture_written_can_be_read_again(tmp_path: Path, suffix: str) -> None:
    source = saved(tmp_path / "source.png", blocks(), dpi=(300, 300))
    target = tmp_path / f"out{suffix}"
    part = encode_still(blocks(), read_still(source), target, quality=95)
    assert names(tmp_path) == [part.name, "source.png"]
    publish(part, target, overwrite=False)
    again = read_still(target)
    lossless = suffix in (".png", ".tif", ".tiff", ".bmp")
    assert difference(again.image, blocks()) <= (0 if lossless else 90)
    if lossless or suffix in (".jpg", ".jpeg"):
        assert again.dpi is not None
        assert round(again.dpi[0]) == 300


def test_alpha_goes_out_as_it_came_in(tmp_path: Path) -> None:
    alpha = np.linspace(0, 255, 32 * 48).astype(np.uint8).reshape(32, 48)
    still = Still(blocks(), alpha, "PNG")
    part = encode_still(blocks(), still, tmp_path / "a.png", quality=90)
    again = read_still(part)
    assert again.alpha is not None
    assert np.array_equal(again.alpha, alpha)


def test_alpha_is_scaled_to_a_picture_painted_at_another_size(tmp_path: Path) -> None:
    alpha = np.zeros((32, 48), np.uint8)
    alpha[:, 24:] = 255
    part = encode_still(
        blocks()[::2, ::2], Still(blocks(), alpha, "PNG"), tmp_path / "a.png", quality=90
    )
    again = read_still(part)
    assert again.alpha is not None
    assert again.alpha.shape == (16, 24)
    assert again.alpha[:, :10].max() == 0
    assert again.alpha[:, 14:].min() == 255


def test_jpeg_puts_transparent_pictures_on_white_and_that_is_said(tmp_path: Path) -> None:
    still = Still(blocks(), np.zeros((32, 48), np.uint8), "PNG")
    part = encode_still(blocks(), still, tmp_path / "a.jpg", quality=90)
    assert read_still(part).image.min() == 255
    assert keeping(still, tmp_path / "a.jpg").lost == ("transparency",)


def test_a_picture_too_large_for_its_format_is_refused(tmp_path: Path) -> None:
    wide = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(UnsupportedError, match="cannot be written as JPEG"):
        encode_still(wide, Still(wide, None, "PNG"), tmp_path / "a.jpg", quality=90)


def test_exif_too_long_for_jpeg_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010F] = "M" * 70_000
    still = Still(blocks(), None, "PNG", notes=StillNotes(exif=exif.tobytes()))
    part = encode_still(blocks(), still, tmp_path / "a.jpg", quality=90)
    assert read_still(part).notes.exif is None
    assert keeping(still, tmp_path / "a.jpg").lost == ("EXIF data",)


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"written as \.psd"):
        encode_still(blocks(), Still(blocks(), None, "PNG"), tmp_path / "a.psd", quality=90)


def test_style_images_are_scaled_down_in_proportion(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", blocks(160, 320))
    assert read_style_image(path, max_edge=80).shape == (40, 80, 3)
    assert read_style_image(path).shape == (160, 320, 3)


def test_transparent_style_images_are_put_on_white(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(np.dstack([blocks(), np.zeros((32, 48), np.uint8)]))
    assert read_style_image(saved(tmp_path / "a.png", picture)).min() == 255
