"""Text subtitles: words, times and styling survive from any codec to any other."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from nstd.media.write.text import TextConverter

SUBRIP = "<i>Hello</i> & <b>bold</b>\nzweite Zeile"
ASS = rb"3,0,Default,,0,0,0,,{\i1}One, two{\i0}\Nthree"
MOV = b"\x00\x05Hello"


def stream_of(path: Path, codec: str, *payloads: bytes) -> tuple[Any, Sequence["av.Packet[Any]"]]:
    """A stream of subtitles, of half a second each, and its packets."""
    path = path.with_suffix(".mp4" if codec == "mov_text" else ".mkv")
    with av.open(str(path), "w") as output:
        stream = output.add_mux_stream(codec)
        stream.time_base = Fraction(1, 1000)
        for number, payload in enumerate(payloads):
            packet: av.Packet[Any] = av.Packet(payload)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = number * 500
            packet.duration = 500
            output.mux(packet)
    film = av.open(str(path))
    found = film.streams.subtitles[0]
    return found, [packet for packet in film.demux(found) if packet.size]


@pytest.mark.parametrize(
    ("codec", "payload", "into", "expected"),
    [
        ("subrip", SUBRIP.encode(), "subrip", SUBRIP.encode()),
        ("subrip", "wörld".encode(), "mov_text", b"\x00\x06w\xc3\xb6rld"),
        ("subrip", b"one\r\ntwo\n", "webvtt", b"one\ntwo"),
        ("ass", ASS, "subrip", b"<i>One, two</i>\nthree"),
        ("mov_text", MOV, "subrip", b"Hello"),
        ("mov_text", b"\x00\x00", "subrip", b""),
    ],
)
def test_words_and_styling_are_converted(
    tmp_path: Path, codec: str, payload: bytes, into: str, expected: bytes
) -> None:
    stream, (packet, *_) = stream_of(tmp_path / "a", codec, payload)
    assert TextConverter(stream, into).convert(packet) == expected


def test_styling_goes_into_mp4(tmp_path: Path) -> None:
    stream, packets = stream_of(tmp_path / "a", "subrip", SUBRIP.encode())
    payload = TextConverter(stream, "mov_text").convert(packets[0])
    words = b"Hello & bold\nzweite Zeile"
    assert payload.startswith(len(words).to_bytes(2, "big") + words)
    assert b"styl" in payload


def test_what_is_no_utf_8_stays_with_marks_in_its_place(tmp_path: Path) -> None:
    stream, packets = stream_of(tmp_path / "a", "subrip", b"caf\xe9")
    assert TextConverter(stream, "subrip").convert(packets[0]) == "caf\ufffd".encode()


@pytest.mark.parametrize(
    ("codec", "payload", "into", "losses"),
    [
        ("subrip", SUBRIP.encode(), "mov_text", set()),
        ("subrip", SUBRIP.encode(), "webvtt", set()),
        ("subrip", b'<font color="#ff0000">red</font>', "webvtt", {"colors"}),
        ("subrip", rb"{\an8}above", "mov_text", {"places"}),
        ("ass", ASS, "mov_text", {"fonts and places"}),
        ("mov_text", MOV, "subrip", set()),
    ],
)
def test_what_is_lost_is_named(
    tmp_path: Path, codec: str, payload: bytes, into: str, losses: set[str]
) -> None:
    stream, packets = stream_of(tmp_path / "a", codec, payload)
    assert TextConverter(stream, into).losses(packets) == losses
