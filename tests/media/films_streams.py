"""What films hold beside picture and sound: metadata, chapters, attachments, names."""

from tests.media.case import H264, Case
from tests.media.facts import Facts
from tests.media.program import Ended


def _with(more: str, maps: str, rest: str = "") -> str:
    return f"{{inputs}} {more} -map 0:v -map 1:a {maps} {H264} -c:a aac {rest}"


_SUBTITLES = {
    # name: (suffix, file, codec, output's suffixes)
    "srt-mkv": ("mkv", "srt", "srt", ("mp4", "mov", "mkv")),
    "ass-mkv": ("mkv", "ass", "ass", ("mp4", "mkv")),
    "webvtt-mkv": ("mkv", "vtt", "webvtt", ("mp4", "mkv")),
    "webvtt-webm": ("webm", "vtt", "webvtt", ("mp4",)),
    "text-mp4": ("mp4", "srt", "mov_text", ("mp4", "mkv")),
    "text-mov": ("mov", "srt", "mov_text", ("mov", "mkv")),
}

CASES = [
    Case(
        name=f"subtitles-{name}-{to}",
        source=suffix,
        make=_with(f"-i {{assets}}/a.{file}", "-map 2", f"-c:s {codec} -metadata:s:s language=ger")
        if suffix != "webm"
        else f"{{inputs}} -i {{assets}}/a.{file} -map 0:v -map 1:a -map 2 -c:v libvpx -b:v 2M"
        f" -deadline realtime -c:a libopus -c:s {codec} -metadata:s:s language=ger",
        to=to,
    )
    for name, (suffix, file, codec, outputs) in _SUBTITLES.items()
    for to in outputs
]

CASES += [
    Case(
        name=f"subtitles-{name}-{to}",
        source="mkv",
        make=_with(f"-i {{assets}}/a.{name}", "-map 2", "-c:s copy -metadata:s:s language=fre"),
        to=to,
    )
    for name in ("idx", "sup")
    for to in ("mp4", "mkv")
]

_TRACKS = (
    "{inputs} -f lavfi -i sine=f=600:d=0.48 -i {assets}/a.srt -i {assets}/a.srt -map 0:v -map 1:a"
    f" -map 2:a -map 3 -map 4 {H264} -c:a aac -metadata:s:a:0 language=eng"
    " -metadata:s:a:1 language=fre -metadata:s:a:1 title=Commentary -metadata:s:s:0 language=ger"
    " -metadata:s:s:1 language=eng -metadata:s:s:1 title=Signs -metadata:s:v:0 language=jpn"
    " -disposition:a:0 0 -disposition:a:1 default -disposition:s:0 default"
    " -disposition:s:1 forced+hearing_impaired"
)

CASES += [
    Case(name=f"tracks-{source}-{to}", source=source, make=f"{_TRACKS} -c:s {text}", to=to)
    for source, text in (("mkv", "srt"), ("mp4", "mov_text"))
    for to in ("mp4", "mov", "mkv")
]

_META = (
    "-metadata title=T -metadata ARTIST=Me -metadata comment=Said -metadata copyright=Nobody"
    " -metadata genre=Noise -metadata creation_time=2020-02-03T04:05:06Z"
)
_FILMS = "{inputs} -map 0:v -map 1:a " + f"{H264} -c:a aac "

_TAGS = {
    "plain-mp4": ("mp4", _META),
    "custom-mp4": (
        "mp4", ("-movflags use_metadata_tags -metadata mykey=myvalue -metadata title=T"
        " -metadata com.android.version=11")),
    "apple-mov": (
        "mov", ("-movflags use_metadata_tags -metadata title=T"
        " -metadata com.apple.quicktime.location.ISO6709=+48.1+011.5/"
        " -metadata com.apple.quicktime.make=Apple"
        " -metadata com.apple.quicktime.creationdate=2020-02-03T04:05:06+0100"
        " -metadata creation_time=2020-02-03T04:05:06Z")),
    "location-mp4": ("mp4", "-metadata location=+48.1+011.5/ -metadata location-eng=+48.1+011.5/"),
    "matroska": (
        "mkv", (f"{_META} -metadata DATE_RELEASED=2001 -metadata MYTAG=x -metadata:s:v title=VT"
        " -metadata:s:v language=ger -metadata:s:a MYA=1")),
    "avi": ("avi", "-metadata title=T -metadata artist=Me -metadata comment=Said"),
    "flv": ("flv", "-metadata title=T"),
    "umlaut": ("mp4", "-metadata title=Grüße_東京_🎨"),
}  # fmt: skip

CASES += [
    Case(name=f"tags-{name}-{to}", source=suffix, make=f"{_FILMS} {make}", to=to)
    for name, (suffix, make) in _TAGS.items()
    for to in ("mp4", "mov", "mkv")
    if to != "mov" or name in {"apple-mov", "plain-mp4", "matroska"}
]

CASES += [
    Case(
        name=f"chapters-{source}-{to}",
        source=source,
        make=_with("-i {assets}/a.chapters", "-map_metadata 2"),
        to=to,
    )
    for source in ("mp4", "mkv", "mov")
    for to in ("mp4", "mkv", "mov")
    if source in {"mkv", to}
]  # fmt: skip

_ATTACHED = "-attach {assets}/a.ttf -metadata:s:t mimetype=font/ttf -metadata:s:t filename=a.ttf"
_COVER = (
    "-attach {assets}/cover.jpg -metadata:s:t mimetype=image/jpeg -metadata:s:t filename=cover.jpg"
)
CASES += [
    Case(name=f"attachment-{to}", source="mkv", make=f"{_FILMS} {_ATTACHED}", to=to)
    for to in ("mp4", "mkv")
]
CASES += [
    Case(name=f"cover-mkv-{to}", source="mkv", make=f"{_FILMS} {_COVER}", to=to)
    for to in ("mp4", "mkv", "mov")
]
CASES += [
    Case(
        name=f"cover-{form}-{to}",
        source="mp4",
        make=f"{{inputs}} -i {{assets}}/cover.{form} -map 0:v -map 1:a -map 2 {H264} -c:a aac"
        f" -c:v:1 copy -disposition:v:1 attached_pic",
        to=to,
    )
    for form in ("png", "jpg")
    for to in ("mp4", "mkv")
]


def _same_timecode(source: Facts, result: Facts, ended: Ended) -> None:
    found = [one.tags.get("timecode") for one in result.streams] + [result.tags.get("timecode")]
    if result.path.suffix != ".mkv" or "timecode" not in str(ended.report):
        assert "01:02:03:04" in found


CASES += [
    Case(
        name=f"timecode-{source}-{to}",
        source=source,
        make=f"{_FILMS} -timecode 01:02:03:04"
        if source != "mxf"
        else "{inputs} -c:v mpeg2video -pix_fmt yuv422p -q:v 2 -c:a pcm_s16le"
        " -timecode 01:02:03:04",
        to=to,
        check=_same_timecode,
    )
    for source in ("mov", "mp4", "mxf")
    for to in ("mov", "mp4", "mkv")
    if source == "mov" or to == "mov"
]

CASES += [
    Case(
        name=f"two-pictures-{to}",
        source="mkv",
        make="{inputs} -f lavfi -i testsrc=s=64x48:d=0.48 -map 0:v -map 1:a -map 2:v"
        f" {H264} -c:a aac",
        to=to,
    )
    for to in ("mp4", "mkv")
]

CASES += [
    Case(
        name=f"stereo3d-{to}",
        source="mkv",
        make=f"{_FILMS} -metadata:s:v stereo_mode=left_right",
        to=to,
    )
    for to in ("mkv", "mp4")
]
