"""Any metadata: a film with it can be written and read, and what is lost of it is known."""

import io
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nstd.media.write.boxes import TrackMarks
from nstd.media.write.containers import CONTAINERS
from nstd.media.write.metadata import film_tags
from nstd.media.write.saying import numbers, sayings, unkept
from tests import clips

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
KNOWN = (
    "title", "ARTIST", "comment", "lyrics", "xmp", "location", "location-eng", "track", "disc",
    "creation_time", "date", "compilation", "com.apple.quicktime.make", "make", "nstd",
)  # fmt: skip
TAGS = st.dictionaries(
    st.sampled_from(KNOWN) | TEXT, TEXT | st.sampled_from(["1", "3/4", "x" * 70_000])
)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.make(tmp_path_factory.mktemp("tags") / "a.mp4", times=(0, 512), sound=("aac",))


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(tags=TAGS, cover=st.sampled_from([b"", b"\xff\xd8\xff" * 99]))
def test_any_tags_can_be_written(
    film: Path, container: str, tags: dict[str, str], cover: bytes
) -> None:
    file = io.BytesIO()
    sorted_ = film_tags(tags, CONTAINERS[container], cover if container == "mov" else b"")
    with av.open(str(film)) as source, av.open(file, "w", CONTAINERS[container].format) as output:
        copies = [output.add_stream_from_template(one, opaque=True) for one in source.streams]
        output.metadata.update(sorted_.muxer)
        packets = [packet for packet in source.demux() if packet.size]
        for packet in packets:
            packet.stream = copies[packet.stream_index]
            output.mux(packet)
        places = numbers(copies, copies)
        given_ = sayings(output, copies, sorted_.all, places)
    if sorted_.added:
        sorted_.added.write(file, [TrackMarks(False, "swe"), TrackMarks(True, "")])
    file.seek(0)
    with av.open(file, "r", metadata_errors="replace") as back:
        lost = unkept(given_, sayings(back, back.streams, back.metadata, places))
        read = [bytes(packet) for packet in back.demux(video=0) if packet.size]
    assert read == [bytes(packet) for packet in packets if packet.stream is copies[0]]
    if container != "mkv":
        assert lost == []
