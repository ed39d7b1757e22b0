"""Titles, places, makes, a user's own keys and flags: kept in each container, as ffprobe reads."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from nstd.media.read.probe import probe
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.containers import FILMS
from nstd.media.write.rehearsal import plan
from tests import clips, films

ORDINARY = {
    "title": "A title", "artist": "Me", "comment": "Seen", "date": "2020-02-03", "genre": "Home",
    "copyright": "© Me", "album": "Summer",
}  # fmt: skip
APPLES = {
    "com.apple.quicktime.location.ISO6709": "+48.1371+011.5754+520.000/",
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15",
    "com.apple.quicktime.creationdate": "2020-02-03T04:05:06+0100",
}
ANDROIDS = {"com.android.version": "11", "com.android.capture.fps": "30.000000"}
USERS = {"mykey": "my välue", "LYRICS": "la la", "MYTAG": "x", "composer": "Somebody"}
MOMENT = "2020-02-03T04:05:06.000000Z"
CONTAINERS = ["mp4", "mov", "mkv"]


def tags_of(found: dict[str, Any]) -> dict[str, str]:
    """Matroska writes names in capitals."""
    return {key.lower(): text for key, text in found.get("tags", {}).items()}


def options_for(tags: dict[str, str]) -> list[str]:
    return [word for key, text in tags.items() for word in ("-metadata", f"{key}={text}")]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_all_that_a_film_says_of_itself_is_kept(
    tmp_path: Path, ffmpeg: str, ffprobe: str, suffix: str, container: str
) -> None:
    said = ORDINARY | APPLES | ANDROIDS | USERS | {"creation_time": MOMENT}
    plain = clips.make(tmp_path / "a.mp4", times=(0, 512), sound=("aac",))
    options = [*options_for(said), "-movflags", "use_metadata_tags"]
    source = films.remuxed(ffmpeg, plain, tmp_path / f"b.{suffix}", *options)
    there = tags_of(films.looked(ffprobe, source)["format"])
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    found = tags_of(films.looked(ffprobe, painted)["format"])
    assert {key.lower(): text for key, text in said.items()}.items() <= there.items()
    for key in map(str.lower, said):
        assert found[key] == there[key]


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_ordinary_tags_are_where_players_look_and_others_beside_them(
    tmp_path: Path, ffmpeg: str, container: str
) -> None:
    plain = clips.make(tmp_path / "a.mp4", times=(0, 512))
    said = [*options_for(ORDINARY | ANDROIDS), "-movflags", "use_metadata_tags"]
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mp4", *said)
    content = films.round_trip(source, tmp_path, EncodeSettings(container=container)).read_bytes()
    title = content.index(b"A title")
    # iTunes' tags have their value in a box, QuickTime's have it behind its length and language.
    assert content.rindex(b"\xa9nam", 0, title) == title - (20 if container == "mp4" else 8)
    assert content.index(b"mdtacom.android.version") > title
    assert content.count(b"A title") == 1


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_a_place_is_kept_to_its_last_digit(
    tmp_path: Path, ffmpeg: str, ffprobe: str, container: str
) -> None:
    place = "+48.13712+011.57540+520.123/"
    plain = clips.make(tmp_path / "a.mp4", times=(0, 512))
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mov", "-metadata", f"location={place}")
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    assert tags_of(films.looked(ffprobe, painted)["format"])["location"] == place
    assert painted.read_bytes().count(place.encode()) == 1


@pytest.mark.parametrize("container", CONTAINERS)
def test_values_that_the_muxer_would_change_are_kept_under_their_own_names(
    tmp_path: Path, ffmpeg: str, ffprobe: str, container: str
) -> None:
    odd = {
        "track": "A1",
        "disc": "03/10",
        "season_number": "300",
        "compilation": "yes",
        "date": "x" * 70_000,
    }
    plain = clips.make(tmp_path / "a.mp4", times=(0, 512))
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mkv", *options_for(odd))
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    found = tags_of(films.looked(ffprobe, painted)["format"])
    assert {key: found[key] for key in odd} == odd


FLAGS = ("default", "forced", "hearing_impaired", "visual_impaired", "comment", "dub", "original")


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("flags", [*FLAGS, "0", "forced+hearing_impaired"])
def test_subtitles_and_sound_keep_their_flags(
    tmp_path: Path, ffmpeg: str, ffprobe: str, flags: str, container: str
) -> None:
    plain = clips.make(tmp_path / "a.mkv", times=(0, 512), sound=("aac", "aac"), subtitles="subrip")
    marked = ("-disposition:s:0", flags, "-disposition:a:0", "default", "-disposition:a:1", flags)
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mkv", *marked)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    kept = FILMS[container].holds.flags & {*FLAGS}
    before, after = (
        [
            {name for name in kept if stream["disposition"][name]}
            for stream in films.looked(ffprobe, film)["streams"]
            if stream["codec_type"] != "video"
        ]
        for film in (source, painted)
    )
    assert after == before


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("language", ["fra", "fre", "deu", "swe"])
def test_every_language_is_kept(
    tmp_path: Path, ffmpeg: str, ffprobe: str, language: str, container: str
) -> None:
    plain = clips.make(tmp_path / "a.mkv", times=(0, 512), sound=("aac",))
    source = films.remuxed(
        ffmpeg, plain, tmp_path / "b.mp4", "-metadata:s:a", f"language={language}"
    )
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    before, after = (films.looked(ffprobe, film)["streams"][1] for film in (source, painted))
    assert after["tags"]["language"] == before["tags"]["language"] == language


@pytest.mark.parametrize("container", CONTAINERS)
def test_titles_and_languages_of_streams_are_kept(
    tmp_path: Path, ffmpeg: str, ffprobe: str, container: str
) -> None:
    plain = clips.make(tmp_path / "a.mkv", times=(0, 512), sound=("aac",), subtitles="subrip")
    said = [
        "-metadata:s:v", "title=The picture", "-metadata:s:a", "title=Commentary",
        "-metadata:s:a", "language=und", "-metadata:s:s", "title=For all", "-metadata:s:s",
        "language=ger", "-metadata:s:a", "MYA=1",
    ]  # fmt: skip
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mkv", *said)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    found = [tags_of(stream) for stream in films.looked(ffprobe, painted)["streams"]]
    # ffprobe 5.1 reads no track's title in MP4; it reads the name of its handler.
    name = "title" if container == "mkv" else "handler_name"
    assert [tags[name] for tags in found] == ["The picture", "Commentary", "For all"]
    assert found[1].get("language", "und") == "und"
    assert found[2]["language"] == "ger"
    assert ("mya" in found[1]) is (container == "mkv")


@pytest.mark.parametrize(("suffix", "container"), [("mp4", "mp4"), ("mp4", "mov"), ("mkv", "mkv")])
def test_of_an_ordinary_film_nothing_is_lost(
    tmp_path: Path, ffmpeg: str, suffix: str, container: str
) -> None:
    plain = clips.make(
        tmp_path / f"a.{suffix}",
        sound=("aac", "aac"),
        subtitles="mov_text" if suffix == "mp4" else "subrip",
        chapters=True,
        cover=suffix == "mp4",
        title="A title",
        language="fra",
    )
    said = options_for(ORDINARY | {"creation_time": MOMENT})
    source = films.remuxed(ffmpeg, plain, tmp_path / f"b.{suffix}", *said)
    assert plan(source, probe(source), EncodeSettings(container=container)).losses == ()


@pytest.mark.parametrize(
    ("container", "options", "lost"),
    [
        ("mkv", ["-metadata", "duration=9"], "the tag duration"),
        ("mkv", ["-metadata", "encoding_tool=A tool"], "the tag encoding_tool"),
        ("mp4", ["-metadata:s:a", "language=en-US"], "the language of audio 1"),
        ("mp4", ["-metadata:s:a", "mya=1"], "what stream 1 (audio, aac) says (MYA)"),
        ("mov", ["-disposition:a", "comment"], "that stream 1 (audio, aac) is marked comment"),
        ("mp4", ["-disposition:a", "original"], "that stream 1 (audio, aac) is marked original"),
    ],
)
def test_what_will_not_be_said_is_named_before_painting(
    tmp_path: Path, ffmpeg: str, container: str, options: list[str], lost: str
) -> None:
    plain = clips.make(tmp_path / "a.mkv", times=(0, 512), sound=("aac",))
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mkv", *options)
    if options[1].startswith(("duration", "encoding")):
        # Matroska's own muxer leaves these out, too.
        source = films.remuxed(
            ffmpeg, plain, tmp_path / "b.mov", *options, "-movflags", "use_metadata_tags"
        )
    settings = EncodeSettings(container=container)
    losses = plan(source, probe(source), settings).losses
    assert [fate.what for fate in losses] == [lost]
    films.round_trip(source, tmp_path, settings)


def _with_two_subtitles(
    ffmpeg: str, folder: Path, texts: tuple[str, str], *said: str, suffix: str = "mkv"
) -> Path:
    """A film of a second with two subtitles of these texts; in MP4 with a cover before them."""
    film = clips.make(folder / "a.mp4", cover=suffix == "mp4")
    inputs: list[object] = ["-i", film]
    for number, text in enumerate(texts):
        (folder / f"{number}.srt").write_text(text)
        inputs += ["-i", folder / f"{number}.srt"]
    target = folder / f"b.{suffix}"
    words = "mov_text" if suffix == "mp4" else "copy"
    maps = ["-map", "0", "-map", "1", "-map", "2"]
    films.call(ffmpeg, *inputs, *maps, "-c", "copy", "-c:s", words, *said, target)
    return target


def _bring_forward(film: Path, name: bytes) -> None:
    """Move a box of an MP4's index before its tracks: readers then find a cover before them."""
    content = film.read_bytes()
    begin = content.index(b"moov") + 4
    end = begin - 8 + int.from_bytes(content[begin - 8 : begin - 4], "big")
    track = content.index(b"trak", begin, end) - 4
    box = content.rindex(name, begin, end) - 4
    after = box + int.from_bytes(content[box : box + 4], "big")
    index = content[begin:track] + content[box:after] + content[track:box] + content[after:end]
    film.write_bytes(content[:begin] + index + content[end:])


def _line(milliseconds: int) -> str:
    first, last = (
        f"00:00:0{one // 1000},{one % 1000:03}" for one in (milliseconds, milliseconds + 1)
    )
    return f"1\n{first} --> {last}\nHello\n\n"


NAMED = [
    "-metadata:s:s:0", "title=Forced", "-metadata:s:s:0", "language=ger", "-disposition:s:0",
    "forced", "-metadata:s:s:1", "title=Full", "-metadata:s:s:1", "language=swe",
]  # fmt: skip


@pytest.mark.parametrize(
    ("container", "said", "lost"),
    [
        ("mkv", NAMED, []),
        ("mp4", [*NAMED[:-1], "language=en-US"], ["the language of subtitle 2"]),
    ],
)
def test_subtitles_of_which_a_part_holds_nothing_are_told_from_the_others(
    tmp_path: Path, ffmpeg: str, ffprobe: str, container: str, said: list[str], lost: list[str]
) -> None:
    source = _with_two_subtitles(ffmpeg, tmp_path, (_line(900), _line(100)), *said)
    settings = EncodeSettings(container=container)
    losses = plan(source, probe(source), settings).losses
    info = probe(source)
    half = (info.start, info.start + round(Fraction(1, 2) / info.time_base))
    painted = films.round_trip(source, tmp_path, settings, span=half)
    name = "title" if container == "mkv" else "handler_name"
    streams = films.looked(ffprobe, painted)["streams"]
    titles = [tags_of(one)[name] for one in streams if one["codec_type"] == "subtitle"]
    assert [fate.what for fate in losses] == lost
    assert titles == ["Forced", "Full"]


def test_subtitles_that_begin_late_are_not_called_lost(tmp_path: Path, ffmpeg: str) -> None:
    # More lines than are looked through for the first one of the others.
    full = "".join(_line(number) for number in range(1_100))
    source = _with_two_subtitles(ffmpeg, tmp_path, (_line(1_200), full), *NAMED)
    assert plan(source, probe(source), EncodeSettings(container="mkv")).losses == ()


def test_subtitles_behind_a_cover_keep_what_is_said_of_them(
    tmp_path: Path, ffmpeg: str, ffprobe: str
) -> None:
    texts = (_line(100), _line(200))
    said = ["-metadata:s:s:0", "language=ger", "-metadata:s:s:1", "language=jpn"]
    source = _with_two_subtitles(ffmpeg, tmp_path, texts, *said, suffix="mp4")
    _bring_forward(source, b"udta")
    settings = EncodeSettings(container="mp4")
    losses = plan(source, probe(source), settings).losses
    painted = films.round_trip(source, tmp_path, settings)
    found = [
        (tags_of(stream)["language"], stream["disposition"]["default"])
        for stream in films.looked(ffprobe, painted)["streams"]
        if stream["codec_type"] == "subtitle"
    ]
    assert losses == ()
    assert found == [("ger", 1), ("jpn", 0)]


def test_chapters_of_a_part_are_told_by_their_place_in_the_film(
    tmp_path: Path, ffmpeg: str
) -> None:
    film = clips.make(tmp_path / "a.mkv")
    long = "x" * 70_000  # more than MP4 can hold
    (tmp_path / "chapters").write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=4\ntitle=One\n"
        f"[CHAPTER]\nTIMEBASE=1/10\nSTART=4\nEND=10\ntitle={long}\n"
    )
    source = tmp_path / "b.mkv"
    films.call(
        ffmpeg, "-i", film, "-i", tmp_path / "chapters", "-map_chapters", 1, "-c", "copy", source
    )
    info = probe(source)
    half, whole = (info.start + round(part / info.time_base) for part in (Fraction(1, 2), 1))
    films.round_trip(source, tmp_path, EncodeSettings(container="mp4"), span=(half, whole))
    losses = plan(source, info, EncodeSettings(container="mp4")).losses
    assert [fate.what for fate in losses] == ["the title of chapter 2"]


def test_of_sound_too_late_to_be_tried_nothing_is_demanded_that_mp4_cannot_say(
    tmp_path: Path, ffmpeg: str
) -> None:
    plain = clips.make(tmp_path / "a.mkv")
    sound = clips.make(tmp_path / "b.mkv", sound=("aac",))
    (tmp_path / "lines.srt").write_text("".join(_line(number) for number in range(2_400)))
    source = tmp_path / "c.mkv"
    inputs = ["-i", plain, "-itsoffset", "2.2", "-i", sound, "-i", tmp_path / "lines.srt"]
    maps = ["-map", "0", "-map", "1:a", "-map", "2", "-metadata:s:a", "language=en-US"]
    films.call(ffmpeg, *inputs, *maps, "-c", "copy", source)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container="mp4"))
    assert films.packets(painted, "audio") != []
