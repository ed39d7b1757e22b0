"""A trial before painting begins: all streams are put together once, with few packets."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av

from nstd.errors import UnsupportedError, from_os_error
from nstd.media.frame import VideoInfo
from nstd.media.read.scan import open_film
from nstd.media.write.assemble import Written, write_film
from nstd.media.write.codecs import CODECS, EncodeSettings
from nstd.media.write.keeping import Keeping, decide, first_packets, reader_of
from nstd.media.write.picture import PaintedStream
from nstd.media.write.saying import sayings, unkept
from nstd.media.write.segment import Assembly, stated_rate, write_trial
from nstd.media.write.timecode import clocked


def plan(
    source: Path,
    info: VideoInfo,
    settings: EncodeSettings,
    *,
    alive: Callable[[], object] = lambda: None,
) -> Keeping:
    """Find out what can be kept of a film, before the first frame is painted.

    Each stream's first packets were tried alone; here all of them are written together, beside one
    gray frame, from the header to the end of the file.

    Args:
        source: The film.
        info: Its facts, at the size it is painted at.
        settings: How it will be encoded.
        alive: Called for each packet, as a sign of life.

    Raises:
        UnsupportedError: Not even the pictures alone can be written.
        InputError: The source cannot be read any more.
        StorageError: The file system failed, or there is no folder for temporary files.
    """
    texts = reader_of(source, alive)
    keeping = decide(source, info, settings, texts, alive)
    if settings.pictures is not None:
        return keeping
    keeping = _tried(source, info, settings, keeping, alive)
    if not keeping.losses:
        return keeping
    others = {}
    for name in CODECS[settings.codec].containers:
        other = replace(settings, container=name)
        decided = decide(source, info, other, texts, alive)
        if name != settings.container and len(decided.losses) < len(keeping.losses):
            with suppress(UnsupportedError):
                others[name] = len(_tried(source, info, other, decided, alive).losses)
    better = [name for name, count in others.items() if count < len(keeping.losses)]
    return replace(keeping, instead=tuple(sorted(better, key=others.__getitem__)))


def _tried(
    source: Path,
    info: VideoInfo,
    settings: EncodeSettings,
    keeping: Keeping,
    alive: Callable[[], object],
) -> Keeping:
    """What is really kept of what `decide` keeps: it is written and read back."""
    with _temporary_folder() as folder:
        gray = folder / "gray"
        write_trial(gray, info, settings)
        # As long as a frame, not as the film: MP4 takes no packet of 2³¹ units or more, and no
        # time base of so many units a second.
        frame = max(1, round(1 / stated_rate(info) / info.time_base))
        whole = Assembly(segments=[gray], info=info, settings=settings, alive=alive)
        picture = PaintedStream(whole, end=info.start + frame)
        while found := _culprit(source, picture, keeping):
            keeping = keeping.without(*found)
        return _as_read_back(source, picture, keeping)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = TemporaryDirectory(prefix="nstd-")
    except OSError as error:
        raise from_os_error(error, "a folder for temporary files", "making") from error
    with folder as name:
        yield Path(name)


def _culprit(source: Path, picture: PaintedStream, keeping: Keeping) -> tuple[int, str] | None:
    """The stream that keeps the film from being written as planned, and why; None: none does."""
    refused, settings = _refused(source, picture, keeping), picture.settings
    if not refused:
        return None
    if None not in refused:
        index, why = next(iter(refused.items()))
        assert index is not None  # noqa: S101 - for the type checker
        return index, f"{settings.container} refuses it: {why}"
    # An error of header or end does not name the stream: it is the one without which it works.
    held = [fate.stream for fate in keeping.fates if fate.outcome != "lost"]
    for index in held:
        if index is not None and None not in _refused(source, picture, keeping.without(index, "")):
            return index, f"{settings.container} refuses it: {refused[None]}"
    if (last := next((one for one in reversed(held) if one is not None), None)) is None:
        raise UnsupportedError(
            f"No film of {settings.codec} like this can be written as {settings.container}:"
            f" {refused[None]}",
            "Choose another container or codec",
        )
    return last, f"{settings.container} refuses it: {refused[None]}"


def _refused(source: Path, picture: PaintedStream, keeping: Keeping) -> dict[int | None, str]:
    """The streams that are refused, and why; the key None stands for all of them together."""
    try:
        return dict(_rehearsed(BytesIO(), source, picture, keeping).refused.items())
    except (ValueError, av.FFmpegError) as error:
        return {None: str(error)}


def _as_read_back(source: Path, picture: PaintedStream, keeping: Keeping) -> Keeping:
    """The plan, with the metadata that the film lacks though the muxer was given it."""
    file = BytesIO()
    written = _rehearsed(file, source, picture, keeping)
    promise = written.promise
    file.seek(0)
    with av.open(file, "r", metadata_errors="replace") as film:
        told = sayings(film, film.streams, clocked(film), promise.places)
    unsaid = unkept(promise.said, told)
    return replace(keeping.without_saying(unsaid), untried=written.missing)


def _rehearsed(file: BytesIO, source: Path, picture: PaintedStream, keeping: Keeping) -> Written:
    with open_film(source) as film:

        def first(streams: Sequence[int]) -> Iterator["av.Packet[Any]"]:
            heads = first_packets(film, source, streams, picture.whole.alive)
            return iter([packet for head in heads.values() for packet in head])

        return write_film(file, film, picture, keeping, read=first)
