"""What belongs to a picture is in the one that takes its place, or is named as lost."""

import io
import struct
import subprocess
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import pillow_heif
import pytest
from PIL import ExifTags, ImageCms, IptcImagePlugin, PngImagePlugin

from nstd.errors import UnreadableError, UnsupportedError
from nstd.files import publish
from nstd.media.pictures import read_still
from nstd.media.read.limits import Limits
from nstd.media.still import Still
from nstd.media.still_write import encode_still, still_fates
from tests.stills import Keeping, keeping

pillow_heif.register_heif_opener()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF/></x:xmpmeta>'


def deep_picture(channels: int = 3) -> npt.NDArray[np.uint16]:
    rng = np.random.default_rng(5)
    return rng.integers(0, 65536, (24, 40, channels), dtype=np.uint16)


def plain(height: int = 24, width: int = 40) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.full((height, width, 3), (200, 90, 40), np.uint8))


def written(still: Still, target: Path, *, deep: bool = True) -> Path:
    image = still.deep if deep and still.deep is not None else still.image
    publish(encode_still(image, still, target, quality=95), target, overwrite=True)
    return target


def kept(path: Path, target: Path, **options: Any) -> Keeping:
    return keeping(read_still(path), written(read_still(path), target, **options))


def as_pyav_sees(path: Path, layout: str) -> npt.NDArray[Any]:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format=layout)


# --- 16 bits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_come_in_and_go_out(tmp_path: Path, suffix: str, channels: int) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    codes = deep_picture(channels)
    cv2.imwrite(str(source), codes[..., [2, 1, 0, 3][:channels]])
    still = read_still(source)
    assert still.deep is not None
    assert np.array_equal(still.deep, codes[..., :3])
    assert np.abs(still.image - codes[..., :3] / 257).max() <= 0.5
    written(still, target)
    # By another decoder: ffmpeg's.
    seen = as_pyav_sees(target, "rgb48le" if channels == 3 else "rgba64le")
    assert np.array_equal(seen[..., :3], codes[..., :3])
    assert "more than 8 bits a color" in keeping(still, target).kept
    assert "more than 8 bits a color" in keeping(still, tmp_path / "a.jpg").lost


def test_grey_of_16_bits_is_deep(tmp_path: Path) -> None:
    codes = deep_picture(1)[..., 0]
    cv2.imwrite(str(tmp_path / "a.png"), codes)
    still = read_still(tmp_path / "a.png")
    assert still.deep is not None
    assert np.array_equal(still.deep, np.repeat(codes[..., None], 3, axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_stand_upright_as_shallow_ones_do(tmp_path: Path, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    PIL.Image.fromarray((deep_picture() // 257).astype(np.uint8)).save(
        tmp_path / "8.png", exif=exif
    )
    _, pixels = cv2.imencode(".png", deep_picture()[..., ::-1])
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "16.png").write_bytes(with_chunk(pixels.tobytes(), b"eXIf", block))
    shallow, deep = read_still(tmp_path / "8.png"), read_still(tmp_path / "16.png")
    assert deep.deep is not None
    assert np.array_equal(deep.deep // 257, shallow.image)


def test_a_heic_of_10_bits_is_deep(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None], 3, axis=2)
    codes = np.ascontiguousarray(np.repeat(ramp, 64, axis=0))
    pillow_heif.from_bytes("RGB;16", (64, 64), codes.tobytes()).save(
        tmp_path / "a.heic", quality=100, chroma=444
    )
    still = read_still(tmp_path / "a.heic")
    assert still.deep is not None
    assert still.deep.max() == 65535
    # A step of 10 bits is 64, and HEVC at its best is not lossless.
    assert np.abs(still.deep.astype(int) - codes).mean() < 200
    assert len(np.unique(still.deep[..., 1])) > 60


# --- colors --------------------------------------------------------------------------------------


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    whole = name + content
    chunk = struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))
    return png[:33] + chunk + png[33:]


def png_of(image: PIL.Image.Image, *chunks: tuple[bytes, bytes]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    content = buffer.getvalue()
    for name, data in reversed(chunks):
        content = with_chunk(content, name, data)
    return content


LINEAR = (b"gAMA", struct.pack(">I", 100_000))
P3 = (b"cICP", bytes([12, 13, 0, 1]))


def test_linear_pictures_come_out_as_bright_as_they_are(tmp_path: Path) -> None:
    # Light of 0.5, coded linearly as 128, is 188 in sRGB.
    grey = PIL.Image.new("RGB", (8, 8), (128, 128, 128))
    (tmp_path / "a.png").write_bytes(png_of(grey, LINEAR))
    still = read_still(tmp_path / "a.png")
    assert still.image.min() == still.image.max() == 188
    assert still.profiled


def test_the_usual_gamma_and_what_says_srgb_change_nothing(tmp_path: Path) -> None:
    usual = (b"gAMA", struct.pack(">I", 45_455))
    colors = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    for chunks in ([usual, colors], [(b"sRGB", b"\0"), LINEAR], [(b"cICP", bytes([1, 13, 0, 1]))]):
        (tmp_path / "a.png").write_bytes(png_of(plain(), *chunks))
        still = read_still(tmp_path / "a.png")
        assert np.array_equal(still.image, np.asarray(plain()))
        assert still.profiled


def test_wide_colors_are_converted_as_the_standards_say(tmp_path: Path) -> None:
    # P3's pure red lies outside of sRGB; (180, 60, 60) does not. By the matrices of SMPTE EG 432-1
    # and IEC 61966-2-1 that is (195.5, 46.5, 54.1).
    picture = PIL.Image.new("RGB", (8, 8), (180, 60, 60))
    (tmp_path / "a.png").write_bytes(png_of(picture, P3))
    found = read_still(tmp_path / "a.png").image[0, 0]
    assert np.abs(found - np.array([195.5, 46.5, 54.1])).max() <= 1
    # A profile beside it does not count.
    profile = (b"iCCP", b"x\0\0" + zlib.compress(b"none"))
    (tmp_path / "b.png").write_bytes(png_of(picture, P3, profile))
    assert np.array_equal(read_still(tmp_path / "b.png").image[0, 0], found)


@pytest.mark.parametrize("colors", [(0,) * 8, (1, 0, 64000, 33000, 30000, 60000, 15000, 6000)])
def test_colors_that_make_no_sense_are_ignored(tmp_path: Path, colors: tuple[int, ...]) -> None:
    chunk = (b"cHRM", struct.pack(">8I", *colors))
    (tmp_path / "a.png").write_bytes(png_of(plain(), chunk))
    assert np.array_equal(read_still(tmp_path / "a.png").image, np.asarray(plain()))


def adobe_like() -> bytes:
    """A matrix profile of AdobeRGB's primaries and a gamma of 563/256, as ICC.1 has it."""

    def tag_xyz(*xyz: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * one) for one in xyz))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 563) + b"\0\0"
    tags = {
        b"rXYZ": tag_xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": tag_xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": tag_xyz(0.14919, 0.06322, 0.74457),
        b"wtpt": tag_xyz(0.9642, 1, 0.8249),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, data, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, offset + len(data), len(content))
        data += content
    head = struct.pack(
        ">I4sI4s4s4s", offset + len(data), b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    head = head + b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return head + b"\0" * (128 - len(head)) + struct.pack(">I", len(tags)) + table + data


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("make", [adobe_like, srgb_profile], ids=["matrix", "sRGB"])
def test_profiles_are_applied_to_16_bits_as_little_cms_does_to_8(
    tmp_path: Path, make: Callable[[], bytes]
) -> None:
    codes = np.random.default_rng(2).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    PIL.Image.fromarray(codes).save(tmp_path / "8.png", icc_profile=make())
    _, pixels = cv2.imencode(".png", codes[..., ::-1].astype(np.uint16) * 257)
    profile = b"x\0\0" + zlib.compress(make())
    (tmp_path / "16.png").write_bytes(with_chunk(pixels.tobytes(), b"iCCP", profile))
    shallow, deep = read_still(tmp_path / "8.png"), read_still(tmp_path / "16.png")
    assert deep.deep is not None
    # Both round, and Little CMS computes 8 bits in fixed point.
    assert np.abs(deep.image.astype(int) - shallow.image).max() <= 1


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp", ".avif", ".heic"])
def test_what_came_with_a_profile_goes_out_with_srgbs(tmp_path: Path, suffix: str) -> None:
    plain().save(tmp_path / "a.png", icc_profile=adobe_like())
    target = written(read_still(tmp_path / "a.png"), tmp_path / f"b{suffix}")
    with PIL.Image.open(target) as picture:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    again = written(read_still(tmp_path / "a.png"), tmp_path / f"c{suffix}")
    assert again.read_bytes() == target.read_bytes()
    assert "the colors" in keeping(read_still(tmp_path / "a.png"), target).converted


def test_a_png_says_that_it_is_srgb_where_its_source_said_what_it_was(tmp_path: Path) -> None:
    plain().save(tmp_path / "a.png", icc_profile=adobe_like())
    with PIL.Image.open(written(read_still(tmp_path / "a.png"), tmp_path / "b.png")) as picture:
        assert picture.info["srgb"] == 0
    plain().save(tmp_path / "c.png")
    with PIL.Image.open(written(read_still(tmp_path / "c.png"), tmp_path / "d.png")) as picture:
        assert "srgb" not in picture.info


# --- what stands beside the pixels ---------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".heic"])
def test_xmp_is_kept(tmp_path: Path, suffix: str) -> None:
    plain().save(tmp_path / "a.jpg", xmp=XMP)
    target = written(read_still(tmp_path / "a.jpg"), tmp_path / f"b{suffix}")
    assert read_still(target).notes.xmp == XMP
    assert XMP in target.read_bytes()
    assert kept(tmp_path / "a.jpg", tmp_path / "b.bmp").lost == ("XMP data",)


def test_a_bmp_does_not_say_how_it_was_painted_which_is_told_and_no_loss() -> None:
    still = Still(image=np.asarray(plain()), alpha=None, format="PNG")
    (fate,) = still_fates(still, Path("a.bmp"), '{"nstd":"1.0"}')
    assert fate.sentence == "how it was painted: lost (BMP cannot hold it)"
    assert not fate.loss  # of the source
    assert still_fates(still, Path("a.bmp")) == still_fates(still, Path("a.jpg"), "note") == []
    (fate,) = still_fates(still, Path("a.jpg"), "n" * 70_000)
    assert "JPEG cannot hold it" in fate.sentence


def test_text_and_resolution_of_a_png_are_kept(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "A title")
    text.add_itxt("Author", "Zoë")
    plain().save(tmp_path / "a.png", pnginfo=text, dpi=(300, 300))
    found = kept(tmp_path / "a.png", tmp_path / "b.png")
    assert found.kept == ("text (Title, Author)", "the resolution")
    with PIL.Image.open(tmp_path / "b.png") as picture:
        assert picture.info["Title"] == "A title"
        assert picture.info["Author"] == "Zoë"
        assert round(picture.info["dpi"][0]) == 300
    assert kept(tmp_path / "a.png", tmp_path / "b.webp").lost == (
        "text (Title, Author)",
        "the resolution",
    )


def test_comment_and_iptc_of_a_jpeg_are_kept(tmp_path: Path) -> None:
    caption = b"\x1c\x02\x78" + struct.pack(">H", 9) + b"A caption"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(caption)) + caption
    segment = b"Photoshop 3.0\0" + resource
    marker = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    plain().save(tmp_path / "a.jpg", comment=b"As it was", extra=marker)
    found = kept(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert found.kept == ("IPTC data", "the comment")
    with PIL.Image.open(tmp_path / "b.jpg") as picture:
        assert picture.info["comment"] == b"As it was"
        assert IptcImagePlugin.getiptcinfo(picture)[2, 120] == b"A caption"  # type: ignore[index]
    kept(tmp_path / "a.jpg", tmp_path / "b.tif")
    assert read_still(tmp_path / "b.tif").notes.iptc == caption
    assert kept(tmp_path / "a.jpg", tmp_path / "b.png").lost == ("IPTC data",)
    assert dict(read_still(tmp_path / "b.png").notes.text) == {"Comment": "As it was"}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".heic"])
@pytest.mark.parametrize("deep", [False, True])
def test_exif_says_what_is_true_and_keeps_the_rest(
    tmp_path: Path, suffix: str, *, deep: bool
) -> None:
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = 6
    within = exif.get_ifd(ExifTags.IFD.Exif)
    within[ExifTags.Base.ExifImageWidth], within[ExifTags.Base.ExifImageHeight] = 40, 24
    within[ExifTags.Base.DateTimeOriginal] = "2020:01:01 00:00:00"
    within[ExifTags.Base.MakerNote] = b"abc" * 20
    within[ExifTags.Base.ColorSpace] = 65535
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[2] = (48.0, 8.0, 1.0)
    plain().save(tmp_path / "a.jpg", exif=exif)
    still = read_still(tmp_path / "a.jpg")
    image = np.zeros((12, 6, 3), np.uint16 if deep else np.uint8)
    target = tmp_path / f"b{suffix}"
    publish(encode_still(image, still, target, quality=95), target, overwrite=False)
    with PIL.Image.open(target) as picture:
        assert picture.size == (6, 12)
        found = picture.getexif()
        inside, place = found.get_ifd(ExifTags.IFD.Exif), found.get_ifd(ExifTags.IFD.GPSInfo)
    assert found[ExifTags.Base.Make] == "Maker"
    assert found.get(ExifTags.Base.Orientation, 1) == 1
    assert inside[ExifTags.Base.ExifImageWidth] == 6
    assert inside[ExifTags.Base.ExifImageHeight] == 12
    assert inside[ExifTags.Base.DateTimeOriginal] == "2020:01:01 00:00:00"
    assert inside[ExifTags.Base.MakerNote] == b"abc" * 20
    assert inside[ExifTags.Base.ColorSpace] == 1
    assert place[2] == (48.0, 8.0, 1.0)


def test_a_thumbnail_of_the_source_is_not_taken_along(tmp_path: Path) -> None:
    thumbnail = io.BytesIO()
    plain(8, 8).save(thumbnail, "JPEG")
    # IFD0 with a maker, then IFD1 with a thumbnail behind it.
    first = struct.pack("<H", 1) + struct.pack("<HHI4s", 0x10F, 2, 3, b"Mk\0\0")
    second = struct.pack("<H", 2) + struct.pack("<HHII", 0x201, 4, 1, 8 + 18 + 30)
    second += struct.pack("<HHII", 0x202, 4, 1, len(thumbnail.getvalue())) + struct.pack("<I", 0)
    block = b"II\x2a\0\x08\0\0\0" + first + struct.pack("<I", 8 + 18) + second
    plain().save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block + thumbnail.getvalue())
    assert thumbnail.getvalue() in (tmp_path / "a.jpg").read_bytes()
    target = written(read_still(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    assert target.read_bytes().count(b"\xff\xd8\xff") == 1
    with PIL.Image.open(target) as picture:
        assert picture.getexif()[ExifTags.Base.Make] == "Mk"


def test_lossless_webp_stays_lossless(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(tmp_path / "a.webp", lossless=True)
    assert kept(tmp_path / "a.webp", tmp_path / "b.webp").kept == ("lossless coding",)
    with PIL.Image.open(tmp_path / "b.webp") as picture:
        assert np.array_equal(np.asarray(picture.convert("RGB")), noise)
    PIL.Image.fromarray(noise).save(tmp_path / "c.webp", quality=80)
    assert kept(tmp_path / "c.webp", tmp_path / "d.webp").kept == ()
    assert b"VP8L" not in (tmp_path / "d.webp").read_bytes()


# --- what cannot come along ----------------------------------------------------------------------


def test_the_film_of_a_motion_photo_is_named_and_not_promised(tmp_path: Path) -> None:
    film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64)
    xmp = b'<x:xmpmeta><r GCamera:MotionPhoto="1" GCamera:Other="1"/></x:xmpmeta>'
    plain().save(tmp_path / "a.jpg", xmp=xmp)
    plain().save(tmp_path / "b.jpg")
    for name in ("a.jpg", "b.jpg"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes() + film)
        assert kept(path, tmp_path / "out.jpg").lost == ("the film of a motion photo",)
    assert read_still(tmp_path / "a.jpg").notes.xmp == xmp.replace(
        b'MotionPhoto="1"', b'MotionPhoto="0"'
    )


def test_gain_maps_high_dynamic_range_and_deep_avif_are_named(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta><r hdrgm:Version="1.0" dc:x="y"/></x:xmpmeta>'
    plain().save(tmp_path / "a.jpg", xmp=xmp)
    assert kept(tmp_path / "a.jpg", tmp_path / "b.jpg").lost == ("the HDR gain map",)
    assert read_still(tmp_path / "b.jpg").notes.xmp == xmp.replace(b' hdrgm:Version="1.0"', b"")
    (tmp_path / "a.png").write_bytes(png_of(plain(), (b"cICP", bytes([9, 16, 0, 1]))))
    assert kept(tmp_path / "a.png", tmp_path / "b.png").lost == ("high dynamic range (PQ)",)
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64"),
            *("-frames:v", "1", "-pix_fmt", "yuv420p10le", "-c:v", "libaom-av1", "-cpu-used", "8"),
            *("-still-picture", "1", str(tmp_path / "a.avif")),
        ],
        check=True,
    )
    assert kept(tmp_path / "a.avif", tmp_path / "b.png").lost == ("more than 8 bits a color",)


def test_16_bits_under_a_table_of_colors_are_read_as_8_and_that_is_named(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    table = lab[:16] + b"RGB " + lab[20:]  # no RGB profile by curves and a matrix
    _, pixels = cv2.imencode(".png", deep_picture()[..., ::-1])
    profile = b"x\0\0" + zlib.compress(table)
    (tmp_path / "a.png").write_bytes(with_chunk(pixels.tobytes(), b"iCCP", profile))
    still = read_still(tmp_path / "a.png")
    assert still.deep is None
    assert any("more than 8 bits" in what for what in still.lost)


def test_an_exr_is_light_that_its_alpha_was_multiplied_into(tmp_path: Path) -> None:
    light = np.full((4, 4, 3), 0.25, np.float32)
    alpha = np.full((4, 4, 1), 0.5, np.float32)
    alpha[0] = 0
    content = exr(np.dstack([light, alpha]))
    (tmp_path / "a.exr").write_bytes(content)
    still = read_still(tmp_path / "a.exr")
    assert still.deep is not None
    assert still.alpha is not None
    assert (still.alpha[0].max(), still.alpha[1:].min()) == (0, 128)
    # Half covered, 0.25 is what is left of 0.5: sRGB's code for that is 0.7354 (IEC 61966-2-1).
    assert np.abs(still.deep[1:] - 0.7354 * 65535).max() < 30
    (tmp_path / "b.exr").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableError, match="is damaged"):
        read_still(tmp_path / "b.exr")
    (tmp_path / "c.exr").write_bytes(exr(light * 8))
    assert read_still(tmp_path / "c.exr").lost == ("light brighter than white",)
    with pytest.raises(UnsupportedError, match="megapixels"):
        read_still(tmp_path / "a.exr", Limits(still_megapixels=0.00001))


def exr(planes: npt.NDArray[np.float32]) -> bytes:
    layout = {3: "gbrpf32le", 4: "gbrapf32le"}[planes.shape[2]]
    context = av.CodecContext.create("exr", "w")
    context.height, context.width = planes.shape[:2]
    context.pix_fmt, context.time_base = layout, Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(planes, format=layout)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def test_high_dynamic_range_is_shown_as_that_of_films_is(tmp_path: Path) -> None:
    # Diffuse white, 203 cd/m² (ITU-R BT.2408), has the PQ code 0.5806 (SMPTE ST 2084).
    white = np.full((4, 4), round(0.5806 * 65535), np.uint16)
    picture = PIL.Image.fromarray(white)
    (tmp_path / "a.png").write_bytes(png_of(picture, (b"cICP", bytes([9, 16, 0, 1]))))
    found = read_still(tmp_path / "a.png").image
    assert np.ptp(found) == 0
    assert 225 <= found[0, 0, 0] <= 235  # nine tenths of white; as sRGB it would be 148


def test_grey_of_16_bits_is_no_negative_and_keeps_what_is_transparent(tmp_path: Path) -> None:
    values = np.array([[0, 16384], [32768, 65535]], np.uint16)
    PIL.Image.fromarray(values).save(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    entry = struct.pack("<HHI", 262, 3, 1)  # what the numbers mean, a short
    assert content.count(entry + struct.pack("<I", 1)) == 1
    white_is_zero = content.replace(entry + struct.pack("<I", 1), entry + struct.pack("<I", 0))
    (tmp_path / "b.tif").write_bytes(white_is_zero)
    black, white = (read_still(tmp_path / name).deep for name in ("a.tif", "b.tif"))
    assert black is not None
    assert white is not None
    np.testing.assert_array_equal(black[..., 0], values)
    np.testing.assert_array_equal(white, 65535 - black)
    clear = png_of(PIL.Image.fromarray(values), (b"tRNS", struct.pack(">H", 16384)))
    (tmp_path / "c.png").write_bytes(clear)
    alpha = read_still(tmp_path / "c.png").alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha, [[255, 0], [255, 255]])


def test_one_pixel_that_is_no_number_changes_no_other(tmp_path: Path) -> None:
    light = np.full((4, 4), 0.5, np.float32)
    light[0, 0], light[0, 1] = np.nan, np.inf
    PIL.Image.fromarray(light).save(tmp_path / "a.tif")
    deep = read_still(tmp_path / "a.tif").deep
    assert deep is not None
    assert (deep[0, 0, 0], deep[0, 1, 0]) == (0, 65535)
    assert np.unique(deep[1:]).tolist() == [32768]


def test_primaries_of_an_exr_become_srgbs(tmp_path: Path) -> None:
    light = np.zeros((4, 4, 3), np.float32)
    light[..., 0] = 0.5
    plain_exr = exr(light)
    (tmp_path / "a.exr").write_bytes(plain_exr)
    bt2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
    data = struct.pack("<8f", *bt2020)
    added = b"chromaticities\0chromaticities\0" + struct.pack("<I", len(data)) + data
    # Behind the header stands where each line is; what is added moves them all.
    table = next(
        at for at in range(len(plain_exr) - 32)
        if struct.unpack_from("<Q", plain_exr, at) == (at + 32,)
    )  # fmt: skip
    lines = struct.unpack_from("<4Q", plain_exr, table)
    moved = struct.pack("<4Q", *(line + len(added) for line in lines))
    wide = plain_exr[:8] + added + plain_exr[8:table] + moved + plain_exr[table + 32 :]
    (tmp_path / "b.exr").write_bytes(wide)
    one, other = (read_still(tmp_path / name).deep for name in ("a.exr", "b.exr"))
    assert one is not None
    assert other is not None
    # 0.5 × the matrix of BT.2087's first column, 1.6605 and −0.1246, −0.0182: cut off at 0.
    assert abs(int(one[0, 0, 0]) - 0.7354 * 65535) < 30
    assert abs(int(other[0, 0, 0]) - 0.9208 * 65535) < 60
    assert (other[..., 1:] == 0).all()
