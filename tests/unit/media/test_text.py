"""Text subtitles: the words survive, whatever the codec."""

import pytest

from nstd.media.write.text import encode_text, plain_text


@pytest.mark.parametrize(
    ("payload", "codec", "words"),
    [
        (b"\x00\x05Hello", "mov_text", "Hello"),
        (b"\x00\x05Hello\x00\x00\x00\x0cstyl....", "mov_text", "Hello"),
        (b"\x00\x00", "mov_text", ""),
        ("wörld".encode(), "subrip", "wörld"),
        (b"one\r\ntwo\n", "subrip", "one\ntwo"),
        (rb"3,0,Default,,0,0,0,,{\i1}One, two{\i0}\Nthree", "ass", "One, two\nthree"),
        (b"caf\xe9", "subrip", "caf\ufffd"),
    ],
)
def test_the_words_are_read(payload: bytes, codec: str, words: str) -> None:
    assert plain_text(payload, codec) == words


def test_mov_text_is_prefixed_with_its_length_in_bytes_and_has_no_markup() -> None:
    assert encode_text("<i>wörld</i> 1 < 2", "mov_text") == b"\x00\x0cw\xc3\xb6rld 1 < 2"


def test_subrip_keeps_its_markup() -> None:
    assert encode_text("<i>wörld</i>", "subrip") == "<i>wörld</i>".encode()


@pytest.mark.parametrize("codec", ["mov_text", "subrip"])
def test_there_and_back(codec: str) -> None:
    assert plain_text(encode_text("two\nlines ÄÖ €", codec), codec) == "two\nlines ÄÖ €"


def test_a_text_too_long_for_mov_text_is_cut_between_characters() -> None:
    payload = encode_text("ü" * 40000, "mov_text")
    assert len(payload) == 0xFFFF - 1 + 2
    assert plain_text(payload, "mov_text") == "ü" * 32767
