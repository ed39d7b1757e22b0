"""Notes of how a file was painted, in files from anywhere: no more is read than a note may have."""

import struct

import pytest

from nstd.media.note import (
    note_in_exr,
    note_in_film,
    png_text,
    without_note,
)

LONGEST_NOTE = 64 << 10
"""Characters, of which one more is read: it shows that there are too many."""

NOTE = '{"nstd":"1.0","recipe":{}}'
LONG = '{"nstd":' + "x" * (2 * LONGEST_NOTE)


@pytest.mark.parametrize("tags", [{"nstd": NOTE}, {"NSTD": NOTE}, {"comment": NOTE}])
def test_a_note_is_told_from_what_else_a_film_says(tags: dict[str, str]) -> None:
    others = {"title": "A title", "COMMENT": "Mine"}
    assert note_in_film(others | tags, None) == NOTE
    assert without_note(others | tags) == others
    assert note_in_film(others, None) == ""


@pytest.mark.parametrize(
    "chunks",
    [
        b"",
        b"\0\0\0",
        png_text(NOTE)[8:],
        struct.pack(">I4s", 0xFFFFFFFF, b"IHDR") + png_text(NOTE),
        png_text(NOTE).replace(b"nstd\0", b"other"),
        png_text(NOTE).replace(b"tEXt", b"zTXt"),
    ],
)
def test_chunks_that_hold_no_note_say_nothing(chunks: bytes) -> None:
    assert note_in_film({}, chunks) == ""


@pytest.mark.parametrize(
    "found",
    [
        note_in_film({"comment": LONG}, None),
        note_in_film({"nstd": LONG}, None),
        note_in_film({}, png_text(LONG)),
        note_in_film({}, png_text("short")[4:].join([b"\xff\xff\xff\xf0", LONG.encode()])),
        note_in_exr(
            b"".join(b"nstd%d\0string\0\xff\xff\xff\xff" % n + b"x" * 255 for n in range(999))
        ),
    ],
)
def test_of_one_that_is_too_long_no_more_is_taken_than_shows_that(found: str) -> None:
    assert len(found) == LONGEST_NOTE + 1


@pytest.mark.parametrize(
    "head", [b"", b"nstd1\0string\0", b"nstd1\0string\0\x01", b"nstd1\0int\0\4\0\0\0abcd"]
)
def test_a_damaged_header_says_nothing(head: bytes) -> None:
    assert note_in_exr(head) == ""
