"""What becomes of a film's metadata: tags, flags, timecode, display matrix."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Stream

from nstd.media.fates import Fate, lost
from nstd.media.frame import VideoInfo
from nstd.media.note import without_note
from nstd.media.read.pyav import decoded
from nstd.media.read.scan import open_film
from nstd.media.write.containers import Container, Holds
from nstd.media.write.metadata import (
    film_tags,
    keeps_matrix,
    stream_flags,
    stream_tags,
)
from nstd.media.write.timecode import clocks, first_frame
from nstd.media.write.tracks import describe

_SPATIAL = {"STEREO3D": "pictures for two eyes", "SPHERICAL": "pictures all around"}


def told_fates(
    film: InputContainer, kept: Sequence[Stream], info: VideoInfo, container: Container
) -> Iterator[Fate]:
    """The fates of the metadata that a film has.

    Args:
        film: Open.
        kept: Its streams that are kept, with the painted one.
        info: Its facts.
        container: The container it is for.
    """
    cannot, holds = f"{container.name} cannot hold it", container.holds
    if gone := film_tags(without_note(film.metadata), container).lost:
        yield lost("metadata", f"what the film says of itself ({_listed(gone)})", cannot)
    for stream in kept:
        if gone := stream_tags(stream, holds)[1]:
            yield lost("metadata", f"what {describe(stream)} says ({_listed(gone)})", cannot)
        if flags := stream_flags(stream, holds)[1]:
            names = _listed([flag.name or "" for flag in flags])
            yield lost("metadata", f"that {describe(stream)} is marked {names}", cannot)
    if told := clocks(film):
        counted = first_frame(told, info.frame_rate) if holds.clock else ""
        why = cannot if not holds.clock else "no clock counts at this frame rate"
        what = f"timecode {told[0]}"
        yield Fate("metadata", what) if counted else lost("metadata", what, why)
    if info.matrix_display and not keeps_matrix(info.matrix_display, holds):
        yield lost("picture", "how the picture is turned, sheared or stretched", cannot)
    yield from _spatial_fates(film, info, holds)


def _spatial_fates(film: InputContainer, info: VideoInfo, holds: Holds) -> Iterator[Fate]:
    # ffmpeg's muxer of Matroska takes it only from this tag, which its demuxer sets.
    said = film.streams[info.stream].metadata
    tagged = "stereo_mode" in said and holds.of_streams is None
    path = Path(film.name)
    with open_film(path) as again:  # what was read of this one is gone
        stream = again.streams[info.stream]
        frames = decoded(again, stream, path) if isinstance(stream, av.VideoStream) else iter(())
        frame = next(frames, None)
    for kind, words in _SPATIAL.items():
        if frame is not None and frame.side_data.get(kind) is not None:
            if kind == "STEREO3D" and tagged:
                yield Fate("picture", words)
            else:
                yield lost("picture", words, "no painted film can say so")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
