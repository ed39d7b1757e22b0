"""Pixel formats, colors, orientation, shapes of pixels: into FFV1, whose frames are exact."""

import struct
from collections.abc import Callable
from pathlib import Path

from tests.media.case import H264, PICTURE, Case
from tests.media.facts import Facts, ffmpeg
from tests.media.program import Ended

EXACT = "--codec ffv1"

_DV = "-r 30000/1001 -c:v dvvideo"
_FORMATS = {
    # name: (suffix, ffmpeg's arguments)
    "h264-420": ("mp4", "-c:v libx264 -qp 1 -preset ultrafast -pix_fmt yuv420p"),
    "h264-422": ("mp4", "-c:v libx264 -qp 1 -preset ultrafast -pix_fmt yuv422p"),
    "h264-444": ("mp4", "-c:v libx264 -qp 0 -preset ultrafast -pix_fmt yuv444p"),
    "h264-420-10": ("mp4", "-c:v libx264 -qp 1 -preset ultrafast -pix_fmt yuv420p10le"),
    "h264-444-10": ("mkv", "-c:v libx264 -qp 1 -preset ultrafast -pix_fmt yuv444p10le"),
    "h264-full": ("mp4", "-c:v libx264 -qp 1 -preset ultrafast -pix_fmt yuvj420p"),
    "h264-rgb": ("mkv", "-c:v libx264rgb -qp 0 -preset ultrafast -pix_fmt rgb24"),
    "h264-gray": ("mp4", "-c:v libx264 -qp 1 -preset ultrafast -pix_fmt gray"),
    "h265-444-10": ("mp4", "-c:v libx265 -x265-params lossless=1:log-level=0 -pix_fmt yuv444p10le"),
    "h265-rgb": ("mp4", "-c:v libx265 -x265-params lossless=1:log-level=0 -pix_fmt gbrp"),
    "vp9-444": ("webm", "-c:v libvpx-vp9 -lossless 1 -deadline realtime -pix_fmt yuv444p"),
    "vp9-420-10": ("webm", "-c:v libvpx-vp9 -lossless 1 -deadline realtime -pix_fmt yuv420p10le"),
    "mpeg2-422": ("ts", "-c:v mpeg2video -q:v 2 -pix_fmt yuv422p"),
    "mjpeg-420": ("avi", "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p"),
    "mjpeg-422": ("avi", "-c:v mjpeg -q:v 2 -pix_fmt yuvj422p"),
    "prores-422": ("mov", "-c:v prores_ks -profile:v 3"),
    "prores-444": ("mov", "-c:v prores_ks -profile:v 4 -pix_fmt yuv444p10le"),
    "dv-411": ("avi", f"-s ntsc -vf setpts=N*25025/30000 {_DV} -pix_fmt yuv411p"),
    "ffv1-420": ("mkv", "-c:v ffv1 -pix_fmt yuv420p"),
    "ffv1-410": ("mkv", "-c:v ffv1 -pix_fmt yuv410p"),
    "ffv1-411": ("mkv", "-c:v ffv1 -pix_fmt yuv411p"),
    "ffv1-gray": ("mkv", "-c:v ffv1 -pix_fmt gray"),
    "ffv1-gray16": ("mkv", "-c:v ffv1 -pix_fmt gray16le"),
    "ffv1-420-16": ("mkv", "-c:v ffv1 -pix_fmt yuv420p16le"),
    "ffv1-rgb": ("mkv", "-c:v ffv1 -pix_fmt bgr0"),
    "ffv1-rgb-16": ("mkv", "-c:v ffv1 -pix_fmt rgb48le"),
    "png-rgb-16": ("mov", "-c:v png -pix_fmt rgb48be"),
    "raw-nv12": ("nut", "-c:v rawvideo -pix_fmt nv12"),
    "raw-uyvy": ("mov", "-c:v rawvideo -pix_fmt uyvy422"),
    "raw-yuyv": ("avi", "-c:v rawvideo -pix_fmt yuyv422"),
    "raw-pal8": ("nut", "-vf format=rgb8 -c:v rawvideo -pix_fmt rgb8"),
    "raw-mono": ("nut", "-c:v rawvideo -pix_fmt monob"),
    "v210-422-10": ("mov", "-c:v v210"),
    "v410-444-10": ("mov", "-c:v v410"),
    "r210-rgb-10": ("mov", "-c:v r210"),
    "huffyuv-rgb": ("avi", "-c:v huffyuv -pix_fmt rgb24"),
    "utvideo-rgb": ("avi", "-c:v utvideo -pix_fmt gbrp"),
    "gif": ("gif", ""),
    "apng": ("apng", "-plays 0"),
}  # fmt: skip

CASES = [
    Case(
        name=f"pixels-{name}",
        source=suffix,
        make=f"-frames:v 4 {make}",
        sound="",
        to="mkv",
        options=EXACT,
    )
    for name, (suffix, make) in _FORMATS.items()
]


def _bars(matrix: str, form: str = "yuv420p", levels: str = "tv") -> str:
    to = f"scale=out_color_matrix={matrix}:out_range={levels}"
    return f"-vf format=gbrp,{to}:flags=bicubic+accurate_rnd+full_chroma_int,format={form}"


def _full(matrix: str) -> str:
    return f"{_bars(matrix, levels='pc')} -color_range pc"


_SD, _HD = "smptebars=s=160x96:r=25:d=0.08", "smptebars=s=1280x720:r=25:d=0.08"
_UNTAGGED_HD = "scale=in_color_matrix=bt709"

_COLORS = [
    # name, picture, arguments, reference
    ("601-tagged", _SD, f"{_bars('bt601')} -c:v ffv1 -colorspace smpte170m", ""),
    ("709-tagged", _SD, f"{_bars('bt709')} -c:v ffv1 -colorspace bt709", ""),
    ("709-full", _SD, f"{_full('bt709')} -c:v ffv1 -colorspace bt709", ""),
    ("601-full", _SD, f"{_full('bt601')} -c:v ffv1 -colorspace bt470bg", ""),
    ("untagged-sd", _SD, f"{_bars('bt601')} -c:v ffv1", ""),
    ("untagged-sd-full", _SD, f"{_full('bt601')} -c:v ffv1", ""),
    ("untagged-hd", _HD, f"{_bars('bt709')} -c:v ffv1", _UNTAGGED_HD),
    ("untagged-hd-full", _HD, f"{_full('bt709')} -c:v ffv1", _UNTAGGED_HD),
    ("untagged-hd-10", _HD, f"{_bars('bt709', 'yuv420p10le')} -c:v ffv1", _UNTAGGED_HD),
    ("untagged-hd-nv12", _HD, f"{_bars('bt709', 'nv12')} -c:v rawvideo", _UNTAGGED_HD),
    ("untagged-hd-uyvy", _HD, f"{_bars('bt709', 'uyvy422')} -c:v rawvideo", _UNTAGGED_HD),
    ("tagged-601-hd", _HD, f"{_bars('bt601')} -c:v ffv1 -colorspace smpte170m", ""),
    ("2020-tagged", _SD, f"{_bars('bt2020', 'yuv420p10le')} -c:v ffv1 -colorspace bt2020nc", ""),
    ("smpte240m", _SD, f"{_bars('smpte240m')} -c:v ffv1 -colorspace smpte240m", ""),
    ("fcc", _SD, f"{_bars('fcc')} -c:v ffv1 -colorspace fcc", ""),
]  # fmt: skip

CASES += [
    Case(
        name=f"colors-{name}", source="mov" if "uyvy" in name else "mkv", make=make,
        picture=picture, sound="", reference=reference, to="mkv", options=EXACT,
    )
    for name, picture, make, reference in _COLORS
]  # fmt: skip

# Players convert between primaries in linear light; both curves are the same here.
_TO_709 = "zscale=p=709:t=709:m=gbr:r=full,format=gbrp"
_WIDE = {
    "p3": ("smpte432", "bt709", "bt709", "tin=709:min=709:pin=smpte432:rin=limited"),
    "2020-sdr": ("bt2020", "bt2020-10", "bt2020nc", "tin=709:min=2020_ncl:pin=2020:rin=limited"),
}

CASES += [
    Case(
        name=f"colors-{name}",
        source="mov",
        make=f"{_bars('bt2020' if '2020' in name else 'bt709', 'yuv444p10le')} -c:v libx265"
        f" -x265-params lossless=1:log-level=0:colorprim={primaries}:transfer={transfer}"
        f":colormatrix={matrix} -color_primaries {primaries} -color_trc {transfer}"
        f" -colorspace {matrix} -color_range tv",
        picture=_SD,
        sound="",
        reference=f"{_TO_709.replace('zscale=', f'zscale={read}:')}",
        tolerance=2.0,
        to="mkv",
        options=EXACT,
    )
    for name, (primaries, transfer, matrix, read) in _WIDE.items()
]

# --- orientation ---------------------------------------------------------------------------------

_ONE, _HALF = 1 << 16, 46341
_MATRICES = {
    "hflip": (-_ONE, 0, 0, _ONE, 96, 0),
    "vflip": (_ONE, 0, 0, -_ONE, 0, 64),
    "rot90": (0, _ONE, -_ONE, 0, 64, 0),
    "rot180": (-_ONE, 0, 0, -_ONE, 96, 64),
    "rot270": (0, -_ONE, _ONE, 0, 0, 96),
    "transpose": (0, _ONE, _ONE, 0, 0, 0),
    "antitranspose": (0, -_ONE, -_ONE, 0, 64, 96),
    "rot45": (_HALF, _HALF, -_HALF, _HALF, 0, 0),
}
"""a, b, c, d and the translation of a display matrix, as QuickTime states it."""


def _oriented(name: str) -> Callable[[Path], None]:
    """A film whose header says so."""
    a, b, c, d, x, y = _MATRICES[name]
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, x << 16, y << 16, 1 << 30)

    def make(path: Path) -> None:
        command = ["-f", "lavfi", "-i", PICTURE, *H264.split(), "-frames:v", "4"]
        ffmpeg(*command, "-movflags", "+faststart", path)
        content = bytearray(path.read_bytes())
        place = content.index(b"tkhd") + 4 + 40
        content[place : place + 36] = matrix
        path.write_bytes(content)

    return make


def _kept_matrix(source: Facts, result: Facts, ended: Ended) -> None:
    """An angle that nobody turns by is stated again."""
    matrix = source.picture.matrix
    assert matrix is not None
    assert result.picture.matrix is not None
    assert matrix.split() == result.picture.matrix.split()


CASES += [
    Case(
        name=f"orientation-{name}-{to}",
        source="mp4",
        make=_oriented(name),
        to=to,
        options="--codec ffv1" if to == "mkv" else "",
        check=_kept_matrix if name == "rot45" and to != "mkv" else None,
        # ffmpeg turns its colors by another interpolation where they are not halved.
        tolerance=6 if name == "rot45" else None,
    )
    for name in _MATRICES
    for to in ("mp4", "mkv")
    if to == "mp4" or name in {"hflip", "rot90", "rot45"}
]

# --- the shape of pixels -------------------------------------------------------------------------

CASES += [
    Case(
        name=f"aspect-{name}-{to}-{options[8:] or 'h264'}",
        source=suffix,
        make=f"-vf setsar={shape} -frames:v 4 {make}",
        sound="",
        to=to,
        options=options,
    )
    for name, suffix, shape, make in (
        ("h264", "mp4", "4/3", H264),
        ("mpeg2", "mpg", "16/15", "-c:v mpeg2video -q:v 2"),
        ("prores", "mov", "10/11", "-c:v prores_ks"),
        ("vp9", "mkv", "2/1", "-c:v libvpx-vp9 -deadline realtime -b:v 2M"),
    )
    for to, options in (
        ("mp4", ""),
        ("mkv", ""),
        ("mkv", "--codec ffv1"),
        ("mov", "--codec prores"),
    )
    if name == "h264" or to == "mkv"
]
