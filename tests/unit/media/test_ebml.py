"""The shape of a pixel in Matroska's header: written in place, and all else unchanged."""

import io
from fractions import Fraction
from pathlib import Path

import av
import pytest

from nstd.errors import VerificationError
from nstd.media.write.ebml import state_size, with_room
from tests import clips

TRACKS, TAGS = b"\x16\x54\xae\x6b", b"\x12\x54\xc3\x67"


def written(source: Path, form: str, title: str) -> io.BytesIO:
    """The pictures of a film in Matroska, with room for their size."""
    file = io.BytesIO()
    with av.open(str(source)) as film, av.open(file, "w", form) as output:
        stream = output.add_stream_from_template(film.streams.video[0], opaque=True)
        stream.metadata["title"] = title
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    return file


@pytest.mark.parametrize("title", ["", "Mine", "ß" * 20_000])
def test_a_size_is_stated_in_room_that_a_title_makes(tmp_path: Path, title: str) -> None:
    source = clips.make(tmp_path / "a.mp4", times=(0, 512))
    file = written(source, "matroska", with_room(title))
    before = file.getvalue()
    state_size(file, title, 128, 64)
    after = file.getvalue()
    assert len(after) == len(before)
    # The header of the tracks alone has changed.
    begin, end = before.rindex(TRACKS), before.rindex(TAGS)
    assert after[:begin] == before[:begin]
    assert after[end:] == before[end:]
    with av.open(io.BytesIO(after), "r") as film:
        stream = film.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        assert stream.metadata.get("title", "") == title
        assert len([packet for packet in film.demux(video=0) if packet.size]) == 2


def test_a_film_without_that_room_is_not_touched(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "a.mp4", times=(0, 512))
    file = written(source, "matroska", "Mine")
    before = file.getvalue()
    with pytest.raises(VerificationError, match="no room"):
        state_size(file, "Mine", 128, 64)
    assert file.getvalue() == before
    with pytest.raises(VerificationError, match="no header of tracks"):
        state_size(io.BytesIO(b"\x1a\x45\xdf\xa3\x80"), "", 1, 1)
