"""Every codec into every container that takes it; alpha; what is interlaced; what is damaged."""

from collections.abc import Callable
from pathlib import Path

from tests.media.case import H264, PICTURE, SOUND, Case
from tests.media.facts import Facts, ffmpeg
from tests.media.program import Ended

_WHOLE = (
    "{inputs} -i {assets}/a.srt -i {assets}/a.chapters -map 0:v -map 1:a -map 2 -map_metadata 3"
    f" {H264} -c:a aac -c:s srt -metadata:s:s language=ger -metadata title=T"
)
_CODECS = {
    "h264": ("mp4", "mov", "mkv"),
    "h265": ("mp4", "mov", "mkv"),
    "av1": ("mp4", "mkv", "webm"),
    "vp9": ("mp4", "mkv", "webm"),
    "prores": ("mov", "mkv"),
    "dnxhr": ("mov",),
    "ffv1": ("mkv",),
}

CASES = [
    Case(
        name=f"into-{codec}-{to}",
        source="mkv",
        picture="testsrc2=s=256x128:r=25:d=0.32" if codec == "dnxhr" else PICTURE,
        make=_WHOLE,
        to=to,
        options=f"--codec {codec}" + (" --preset medium" if codec == "av1" else ""),
    )
    for codec, outputs in _CODECS.items()
    for to in outputs
]

CASES += [
    Case(name=f"into-prores-{profile}", source="mp4", make=f"{H264} -c:a aac", to="mov",
         options=f"--codec prores --profile {profile}",
         tolerance=16 if profile == "proxy" else None)
    for profile in ("proxy", "lt", "standard", "hq", "4444", "4444xq")
]  # fmt: skip

# --- interlaced ----------------------------------------------------------------------------------

_FIELDS = "format={form},tinterlace=interleave_{first}"
_BWDIF = "bwdif=mode=send_frame:deint=interlaced"


def _interlaced(first: str, encode: str, form: str = "yuv420p", order: str = "") -> str:
    fields = _FIELDS.format(form=form, first=first)
    return f"-vf {fields}{order} {encode}"


_INTERLACED = {
    "h264-tff": ("mp4", _interlaced("top", "-c:v libx264 -crf 10 -flags +ilme+ildct -x264opts tff=1"
                                    " -c:a aac", order=",fieldorder=tff")),
    "h264-bff": ("mp4", _interlaced("bottom", "-c:v libx264 -crf 10 -flags +ilme+ildct -x264opts"
                                    " bff=1 -c:a aac", order=",fieldorder=bff")),
    "h264-ts": ("ts", _interlaced("top", "-c:v libx264 -crf 10 -flags +ilme+ildct -x264opts tff=1"
                                  " -c:a mp2", order=",fieldorder=tff")),
    "mpeg2-ts": ("ts", _interlaced("top", "-c:v mpeg2video -q:v 2 -flags +ilme+ildct -top 1"
                                   " -c:a mp2", order=",fieldorder=tff")),
    "mpeg2-mpg": ("mpg", _interlaced("bottom", "-c:v mpeg2video -q:v 2 -flags +ilme+ildct -top 0"
                                     " -c:a mp2", order=",fieldorder=bff")),
    "prores": ("mov", _interlaced("top", "-c:v prores_ks -flags +ildct -top 1 -c:a pcm_s16le",
                                  "yuv422p10")),
    "ffv1": ("mkv", _interlaced("top", "-c:v ffv1 -field_order tt -c:a flac",
                                order=",setfield=tff")),
    "mjpeg": ("avi", _interlaced("top", "-c:v mjpeg -q:v 2 -c:a pcm_s16le", "yuvj420p")),
}  # fmt: skip

CASES += [
    Case(name=f"interlaced-{name}-{to}", source=suffix, picture="testsrc2=s=96x64:r=50:d=0.48",
         make=make, reference="" if name == "mjpeg" else _BWDIF, to=to,
         tolerance=2.0 if to == "mkv" else None,
         options="--codec ffv1" if to == "mkv" else "")
    for name, (suffix, make) in _INTERLACED.items()
    for to in ("mp4", "mkv")
]  # fmt: skip

CASES += [
    Case(name="interlaced-dv-pal", source="avi", sound="", to="mkv", options="--codec ffv1",
         make="-frames:v 4 -vf scale=720:576 -c:v dvvideo -pix_fmt yuv420p", reference=_BWDIF),
    Case(name="interlaced-telecine", source="ts", sound="", picture="testsrc2=s=96x64:r=24:d=1",
         make="-vf telecine=first_field=top,fieldorder=tff -c:v mpeg2video -q:v 2 -top 1"
         " -flags +ilme+ildct -r 30", reference=_BWDIF, to="mkv", options="--codec ffv1"),
]  # fmt: skip

# --- alpha ---------------------------------------------------------------------------------------

_CLEAR = "testsrc2=s=96x64:r=25:d=0.32:alpha=100"


def _same_alpha(source: Facts, result: Facts, ended: Ended) -> None:
    """Alpha is as it was, or its loss is named."""
    if "alpha" in str(ended.report.get("lost")):
        return

    def alpha(facts: Facts) -> bytes:
        raw = facts.path.with_name(f"{facts.path.stem}.alpha")
        codec = {"vp9": "libvpx-vp9", "vp8": "libvpx"}.get(facts.picture.codec)
        reading = ["-c:v", codec] if codec else []
        plane = "format=rgba,alphaextract,format=gray"
        target = raw.with_name(f"{ended.code}{raw.name}")
        ffmpeg(*reading, "-i", facts.path, "-map", "0:v", "-vf", plane, "-f", "rawvideo", target)
        content = target.read_bytes()
        target.unlink()
        return content

    before, after = alpha(source), alpha(result)
    assert len(before) == len(after)
    off = max(abs(one - other) for one, other in zip(before, after, strict=True))
    assert off <= (2 if result.picture.codec in {"ffv1", "png"} else 24), off


CASES += [
    Case(name=f"alpha-{name}-{to}-{options[8:]}", source=suffix, sound="", picture=_CLEAR,
         make=make, to=to, options=options, check=_same_alpha, reading=reading,
         differs=("colors:",))
    for name, suffix, make, reading in (
        ("qtrle", "mov", "-c:v qtrle -pix_fmt argb", ()),
        ("png", "mov", "-c:v png -pix_fmt rgba", ()),
        ("prores", "mov", "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le", ()),
        ("vp9", "webm", "-c:v libvpx-vp9 -pix_fmt yuva420p -deadline realtime -b:v 2M",
         ("-c:v", "libvpx-vp9")),
        ("vp8", "webm", "-c:v libvpx -pix_fmt yuva420p -auto-alt-ref 0 -deadline realtime -b:v 2M",
         ("-c:v", "libvpx")),
        ("ffv1", "mkv", "-c:v ffv1 -pix_fmt bgra", ()),
    )
    for to, options in (("mkv", "--codec ffv1"), ("mov", "--codec prores --profile 4444"),
                        ("webm", "--codec vp9"), ("mp4", "--codec h264"))
    if name in {"qtrle", "vp9"} or to == "mkv"
]  # fmt: skip

# --- damage --------------------------------------------------------------------------------------


def _cut(arguments: str) -> Callable[[Path], None]:
    """A film of which the last four tenths are gone."""

    def make(path: Path) -> None:
        inputs = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND]
        ffmpeg(*inputs, *arguments.split(), path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 6 // 10])

    return make


_CUT = {
    "mp4": f"{H264} -c:a aac -movflags +faststart",
    "mkv": f"{H264} -c:a aac",
    "flv": f"{H264} -c:a aac",
    "avi": "-c:v mpeg4 -q:v 2 -c:a libmp3lame",
    "wmv": "-c:v wmv2 -q:v 2 -c:a wmav2",
    "ogv": "-c:v libtheora -q:v 9 -c:a libvorbis",
    "mpg": "-c:v mpeg2video -q:v 2 -c:a mp2",
}

CASES += [
    Case(name=f"cut-off-{suffix}", source=suffix, make=_cut(make),
         refused="--accept-truncated")
    for suffix, make in _CUT.items()
]  # fmt: skip
CASES += [
    Case(name=f"cut-off-{suffix}-accepted", source=suffix, make=_cut(make),
         options="--accept-truncated",
         # What is left of the last packets is any decoder's guess, and so is how long it lasts.
         differs=("length", "rate", "stream 1: -", "stream 1: 0", "colors: of frame"))
    for suffix, make in _CUT.items()
]  # fmt: skip

# --- other ways ----------------------------------------------------------------------------------


def _all_fields(source: Facts, result: Facts, ended: Ended) -> None:
    assert len(result.pictures) == len(source.pictures) == 2 * len(source.picture.frames)


CASES += [
    Case(name=f"fields-{name}", source=suffix, picture="testsrc2=s=96x64:r=50:d=0.48", make=make,
         reference="bwdif=mode=send_field:deint=interlaced", to="mkv", tolerance=2.0,
         options="--codec ffv1 --deinterlace fields", check=_all_fields,
         differs=("frames", "rate"))
    for name, (suffix, make) in _INTERLACED.items()
    if name in {"h264-tff", "mpeg2-ts"}
]  # fmt: skip

CASES += [
    Case(name=f"combs-{name}", source=suffix, picture="testsrc2=s=96x64:r=50:d=0.48", make=make,
         to="mkv", options="--codec ffv1 --deinterlace off")
    for name, (suffix, make) in _INTERLACED.items()
    if name in {"h264-tff", "prores"}
]  # fmt: skip

CASES += [
    Case(name=f"by-{reader}-{name}", source="mp4", make=f"{H264} -c:a aac", to="mkv",
         picture=f"{PICTURE},format=gray" if name == "gray" else PICTURE,
         options=f"--codec ffv1 --reader {reader}",
         # It repeats samples of chroma that is halved, and cuts colors off instead of rounding.
         differs=("colors",) if (reader, name) == ("opencv", "color") else (),
         tolerance=1.0 if reader == "opencv" else None)
    for reader in ("opencv", "pyav")
    for name in ("color", "gray")
]  # fmt: skip

CASES += [
    Case(name=f"deep-{name}", source=suffix, sound="", make=f"-frames:v 4 {make}", to="mkv",
         options="--codec ffv1 --depth 16")
    for name, suffix, make in (
        ("prores", "mov", "-c:v prores_ks -profile:v 4444 -pix_fmt yuv444p10le"),
        ("ffv1", "mkv", "-c:v ffv1 -pix_fmt gbrp16le"),
        ("h265", "mp4", "-c:v libx265 -x265-params lossless=1:log-level=0 -pix_fmt yuv420p10le"),
    )
]  # fmt: skip


def _is_copied(source: Facts, result: Facts, ended: Ended) -> None:
    assert source.others[0].codec == result.others[0].codec


CASES += [
    Case(name=f"sound-copied-{codec}-{to}", source="mkv", make=f"{H264} -c:a {codec} -strict -2",
         to=to, options="--sound copy", check=_is_copied)
    for codec, to in (("ac3", "mp4"), ("alac", "mp4"), ("mp2", "mkv"), ("truehd", "mkv"),
                      ("dca", "mkv"))
]  # fmt: skip

CASES += [
    Case(name=f"into-{kind}", source="mp4", make=f"{H264} -c:a aac", to=kind,
         picture="testsrc2=s=96x64:r=10:d=0.8", tolerance=20 if kind == "gif" else None)
    for kind in ("gif", "apng")
]  # fmt: skip


def _is_said(source: Facts, result: Facts, ended: Ended) -> None:
    assert "HDR" in str(ended.report)
    assert result.picture.raw["color_transfer"] == "bt709"
    # A bright scene is bright, and no channel has lost its range.
    assert 60 < float(result.pictures.mean()) < 200


CASES += [
    Case(name=f"hdr-{transfer}", source="mp4", sound="", picture="smptebars=s=160x96:r=25:d=0.12",
         make="-vf format=gbrp,scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le"
         " -c:v libx265 -x265-params log-level=none:colorprim=bt2020:colormatrix=bt2020nc"
         f":transfer={transfer} -color_trc {transfer} -color_primaries bt2020 -colorspace bt2020nc",
         differs=("colors",), check=_is_said)
    for transfer in ("arib-std-b67", "smpte2084")
]  # fmt: skip
