"""A film beside its copy, stream by stream: what differs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from tests.media.facts import RATE, Facts, Sound, Stream

LOSSLESS = {"ffv1", "png", "apng"}

MEAN_ABSOLUTE = {True: 1.0, False: 14.0}
"""Code values between two decoded frames, without and with loss. The latter is that of 4:2:0 at the
default quality for `testsrc2`, whose edges are as sharp and whose chroma is as fine as can be."""

MEAN_SIGNED = {True: 0.5, False: 3.0}
"""Of each channel, over a frame: a wrong matrix or range is off by 5 and more."""

OWN_TAGS = {
    "encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id", "duration",
    "alpha_mode",
    # of MXF: identifiers of that very file, and of the program that wrote it
    "uid", "generation_uid", "operational_pattern_ul", "file_package_umid", "material_package_umid",
    "company_name", "product_name", "product_version", "product_uid", "application_platform",
    "toolkit_version", "toolkit_version_num", "product_version_num", "modification_date",
    "file_package_name",
}  # fmt: skip
"""What a muxer writes for itself."""

_OWN_PREFIXES = ("bps", "number_of_", "_statistics", "duration-")
_HANDLERS = {"VideoHandler", "SoundHandler", "SubtitleHandler", "DataHandler", "TimeCodeHandler"}
"""Of ffmpeg's muxers: names of no track, but of its kind."""
_OF_FILES = {"filename", "mimetype"}
MILLISECOND = Fraction(1, 1000)
_SOUND_PACKET = Fraction(1024, 44100)
"""Of AAC, the last of which holds silence at its end."""


@dataclass(frozen=True)
class Difference:
    """Something that is not as it was.

    Attributes:
        about: What it is about: "picture", "stream 2", "chapters", "tag title".
        what: In words.
    """

    about: str
    what: str

    def __str__(self) -> str:
        return f"{self.about}: {self.what}"


def differences(
    source: Facts, result: Facts, tolerance: float | None = None
) -> Iterator[Difference]:
    """Everything in which `result` is not `source`; `tolerance` is that of colors."""
    yield from _times(source, result)
    yield from _colors(source, result, tolerance)
    yield from _rate(source, result)
    yield from _length(source, result)
    yield from _other_streams(source, result)
    yield from _chapters(source, result)
    # A film's timecode may be a stream's, and the other way around.
    codes = {"timecode": "".join(_timecodes(result))}
    yield from _tags("tag", source.tags, result, codes)
    yield from _stream_facts("picture", source.picture, result, result.picture)


def _times(source: Facts, result: Facts) -> Iterator[Difference]:
    was, now = source.picture.frames, result.picture.frames
    if len(source.pictures) != len(result.pictures) or len(was) != len(now):
        counts = f"{len(source.pictures)} ({len(was)} by ffprobe)"
        yield Difference(
            "frames", f"{counts} became {len(result.pictures)} ({len(now)} by ffprobe)"
        )
        return
    # Where a container rounds, both the frame and the first one may be off by half a tick.
    allowed = result.picture.tick if is_rounded(result) else Fraction(0)
    for number, (one, other) in enumerate(zip(was, now, strict=True)):
        if abs((one - was[0]) - (other - now[0])) > allowed:
            shown = f"{float(one - was[0]):.6f} became {float(other - now[0]):.6f}"
            yield Difference("times", f"of frame {number}, {shown}")
            return


def is_rounded(result: Facts) -> bool:
    """Whether its container states times in milliseconds."""
    return result.picture.tick == MILLISECOND


def _colors(source: Facts, result: Facts, tolerance: float | None) -> Iterator[Difference]:
    was, now = source.pictures, result.pictures
    if was.shape[1:] != now.shape[1:]:
        yield Difference("size", f"{was.shape[1:3]} became {now.shape[1:3]}")
        return
    lossless = result.picture.codec in LOSSLESS
    most, most_signed = MEAN_ABSOLUTE[lossless], MEAN_SIGNED[lossless]
    if tolerance is not None:
        most, most_signed = max(most, tolerance), tolerance
    for number, (one, other) in enumerate(zip(was, now, strict=False)):
        error = other.astype(np.float32) - one
        absolute, signed = np.abs(error).mean(), np.abs(error.mean((0, 1))).max()
        if absolute > most or signed > most_signed:
            off = f"by {absolute:.2f} on average, {np.round(error.mean((0, 1)), 2)} by channel"
            yield Difference("colors", f"of frame {number} are off {off}")
            return


def _rate(source: Facts, result: Facts) -> Iterator[Difference]:
    was, now = (one.picture.raw["avg_frame_rate"] for one in (source, result))
    # Frames over duration: a tenth is what the last frame's of a dozen makes of it.
    claimed = result.picture.raw["r_frame_rate"]
    if was == "0/0" or len(source.picture.frames) < 3:
        return
    if now == "0/0":
        yield Difference("rate", f"{was} is not known any more")
    elif abs(Fraction(was) / Fraction(now) - 1) > Fraction(1, 10):
        yield Difference("rate", f"{was} became {now}")
    if claimed != "0/0" and Fraction(claimed) > 1000:
        yield Difference("rate", f"it claims {claimed} frames a second")


def _length(source: Facts, result: Facts) -> Iterator[Difference]:
    """The result lasts as long as its source, within a frame."""
    known = all("duration" in one.format for one in (source, result))
    if not known or len(source.picture.frames) < 2:
        return
    was, now = (Fraction(one.format["duration"]) for one in (source, result))
    times = source.picture.frames
    frame = max(after - before for before, after in pairwise(times))
    if abs(was - now) > max(frame, _SOUND_PACKET) + MILLISECOND:
        yield Difference("length", f"{float(was):.3f} s became {float(now):.3f} s")


def _other_streams(source: Facts, result: Facts) -> Iterator[Difference]:
    left = list(result.others)
    for stream in source.others:
        if stream.kind == "data" and stream.codec == "bin_data" and source.chapters:
            continue  # the chapters' names, in MP4
        if stream.kind == "data" and _timecode(stream.tags) in _timecodes(result):
            continue  # it holds nothing but that
        about = f"stream {stream.index}"
        found = next((one for one in left if _same_kind(stream, one)), None)
        if found is None:
            yield Difference(about, f"{stream.kind} {stream.codec} is gone")
            continue
        left.remove(found)
        if stream.codec != found.codec:
            yield Difference(about, f"{stream.codec} became {found.codec}")
        yield from _content(about, source, stream, result, found)
        yield from _stream_facts(about, stream, result, found)
    for stream in left:
        if stream.kind == "data" and stream.codec == "bin_data":
            continue  # the chapters' names, in MP4
        if stream.kind == "data" and _timecode(stream.tags) in _timecodes(source):
            continue
        yield Difference("more", f"there is a {stream.kind} {stream.codec} that was not there")


def _timecode(tags: Mapping[str, str]) -> str:
    """What tags say that the first frame is; "none" where they do not."""
    return next((text for key, text in tags.items() if key.lower() == "timecode"), "none")


def _timecodes(film: Facts) -> set[str]:
    """Those that a film states, wherever."""
    tags = [film.tags, *(stream.tags for stream in film.streams)]
    return {_timecode(one) for one in tags} - {"none"}


def _same_kind(one: Stream, other: Stream) -> bool:
    if one.cover or other.cover:
        return one.cover and other.cover
    return one.kind == other.kind


def _content(
    about: str, source: Facts, was: Stream, result: Facts, now: Stream
) -> Iterator[Difference]:
    before, after = [one.content for one in was.shown], [one.content for one in now.shown]
    same = was.codec == now.codec and before == after
    if was.index in source.texts and now.index in result.texts:
        yield from _texts(about, source, was, result, now)
    elif was.index in source.sounds and now.index in result.sounds:
        yield from _sounds(about, source, was, result, now, same=same)
    elif was.kind == "attachment":
        keys = ("extradata_hash", "extradata_size")
        if any(was.raw.get(key) != now.raw.get(key) for key in keys):
            yield Difference(about, "is another file")
    elif not same:
        yield Difference(about, f"{len(before)} packets became {len(after)} others")


def _texts(
    about: str, source: Facts, was: Stream, result: Facts, now: Stream
) -> Iterator[Difference]:
    before, after = source.texts[was.index], result.texts[now.index]
    if before != after:
        yield Difference(about, f"{before} became {after}")
        return
    films = ((source, was), (result, now))
    shown = [_shown_at(film, stream) for film, stream in films]
    for one, other in zip(*shown, strict=False):
        if max(abs(a - b) for a, b in zip(one, other, strict=True)) > 2 * MILLISECOND:
            yield Difference(about, f"shown at {one} became {other}")
            return


def _shown_at(film: Facts, stream: Stream) -> Sequence[tuple[Fraction, Fraction]]:
    """When its words are shown, from the first frame on; in MP4 what is empty stands between."""
    begin = film.picture.frames[0]
    times = [(one.time, one.duration) for one in stream.shown if one.size > 2]
    return [(time - begin, time - begin + lasts) for time, lasts in times if time is not None]


def _sounds(
    about: str, source: Facts, was: Stream, result: Facts, now: Stream, *, same: bool
) -> Iterator[Difference]:
    for key in ("channels", "sample_rate"):
        if was.raw.get(key) != now.raw.get(key):
            yield Difference(about, f"{key} {was.raw.get(key)} became {now.raw.get(key)}")
    before, after = source.sounds[was.index], result.sounds[now.index]
    if not (was.frames and now.frames and len(before) and len(after)):
        if len(before) or len(after):
            yield Difference(about, f"{len(before)} samples became {len(after)}")
        return
    starts = [
        stream.frames[0] - film.picture.frames[0] for film, stream in ((source, was), (result, now))
    ]
    lag, likeness = _lag(before, after)
    drift = abs(float(starts[1] - starts[0]) + lag / RATE)
    # One tick of a millisecond for each of the four times that this is made of, at most two off.
    if drift > 0.0021:
        yield Difference(about, f"is {drift * 1000:.1f} ms off the picture")
    if not same and likeness < 0.9:
        yield Difference(about, f"sounds otherwise: correlation {likeness:.2f}")
    missing = (len(before) - len(after) + lag) / RATE
    # What fills a codec's last packet may be heard, where a container cannot say that it is none.
    if not -0.05 < missing < 0.001 + 0.02 * (not same):
        yield Difference(about, f"{missing:.3f} s of it are missing at its end")


def _lag(before: Sound, after: Sound) -> tuple[int, float]:
    """By how many samples the content of `after` comes later, and how alike they are then."""
    size = 1 << (len(before) + len(after)).bit_length()
    product = np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size))
    correlation = np.fft.irfft(product)
    lag = int(correlation.argmax())
    norm = float(np.linalg.norm(before) * np.linalg.norm(after)) or 1.0
    likeness = float(correlation[lag]) / norm
    return (lag - size if lag > size // 2 else lag), likeness


def _chapters(source: Facts, result: Facts) -> Iterator[Difference]:
    if len(source.chapters) != len(result.chapters):
        yield Difference("chapters", f"{len(source.chapters)} became {len(result.chapters)}")
        return
    for one, other in zip(source.chapters, result.chapters, strict=True):
        times = [abs(a - b) > 2 * MILLISECOND for a, b in zip(one[:2], other[:2], strict=True)]
        if any(times) or one[2] != other[2]:
            yield Difference("chapters", f"{one} became {other}")


def _stream_facts(about: str, was: Stream, result: Facts, now: Stream) -> Iterator[Difference]:
    about = f"{about} " if about != "picture" else ""
    tags = {key: text for key, text in was.tags.items() if not (was.cover and key in _OF_FILES)}
    # Of a track's title ffprobe 5.1 reads in MP4 what its handler is called; and films alone have
    # a moment of creation in Matroska.
    named = {"title": now.tags.get("handler_name", "")}
    named["timecode"] = "".join(_timecodes(result))
    if tags.get("creation_time") == result.tags.get("creation_time"):
        named["creation_time"] = tags.get("creation_time", "")
    yield from _tags(f"{about}tag", tags, now, named)
    lost = was.dispositions - now.dispositions - {"captions"}  # as MP4 calls what is hard to hear
    if lost - {"default"} or ("default" in lost and was.kind == "subtitle"):
        yield Difference(f"{about}disposition", f"{sorted(lost)} is lost")
    gained = now.dispositions - was.dispositions - {"captions"}
    if gained and was.kind == "subtitle":
        yield Difference(f"{about}disposition", f"{sorted(gained)} is new")
    before, after = (one.raw.get("sample_aspect_ratio", "1:1") for one in (was, now))
    # Matroska states the size at which it is shown, in whole pixels.
    if was.kind == "video" and abs(_ratio(after) / _ratio(before) - 1) > Fraction(1, 100):
        yield Difference(f"{about}aspect", f"{before} became {after}")


def _ratio(text: str) -> Fraction:
    width, height = map(int, text.split(":"))
    return Fraction(width, height) if width and height else Fraction(1)


def _tags(
    about: str,
    was: Mapping[str, str],
    now: "Facts | Stream",
    named: Mapping[str, str] | None = None,
) -> Iterator[Difference]:
    there = {**(named or {}), **{key.lower(): text for key, text in now.tags.items()}}
    there |= {key: there.get("location", "") for key in map(str.lower, was) if _is_place(key)}
    for key, text in was.items():
        name = key.lower()
        if name in OWN_TAGS or name.startswith(_OWN_PREFIXES):
            continue
        if (name == "language" and text == "und") or text in _HANDLERS or text.startswith("Lavf"):
            continue
        if _moment(there.get(name)) != _moment(text):
            yield Difference(f"{about} {key}", f"{text!r} became {there.get(name)!r}")


def _is_place(key: str) -> bool:
    """Whether a demuxer tells of a place once more, with the language it is written in."""
    return re.fullmatch(r"location-[a-z]{3}", key) is not None


def _moment(text: str | None) -> str | None:
    """A tag's text; moments may be written with microseconds, or without."""
    return text and text.replace(".000000Z", "Z")
