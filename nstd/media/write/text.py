"""Text subtitles: the payload of one packet, from any text codec to mov_text or SubRip."""

import re

TEXT_CODECS = frozenset({"mov_text", "subrip", "srt", "text", "webvtt", "ass", "ssa"})
"""ffmpeg's names of the subtitles that are text, and so can be converted to each other."""

_LONGEST = 0xFFFF
_ASS_FIELDS = 8
_ASS_OVERRIDE = re.compile(r"\{[^}]*\}")
_MARKUP = re.compile(r"</?[a-zA-Z][^>]*>")


def plain_text(payload: bytes, codec: str) -> str:
    """The words of one subtitle packet, without the codec's styling; "" for an empty one."""
    if codec == "mov_text":
        length = int.from_bytes(payload[:2], "big")
        return payload[2 : 2 + length].decode("utf-8", "replace")
    text = payload.decode("utf-8", "replace").rstrip("\0")
    if codec in ("ass", "ssa"):
        text = text.split(",", _ASS_FIELDS)[-1]
        text = _ASS_OVERRIDE.sub("", text)
        return text.replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " ")
    return text.replace("\r\n", "\n").strip("\n")


def encode_text(text: str, codec: str) -> bytes:
    """The payload of a mov_text or subrip packet that says `text`."""
    if codec == "mov_text":
        words = _MARKUP.sub("", text).encode()
        if len(words) > _LONGEST:
            words = words[:_LONGEST].decode(errors="ignore").encode()
        return len(words).to_bytes(2, "big") + words
    return text.encode()
