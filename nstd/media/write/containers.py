"""The containers that finished films can have, and what each can hold."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Container:
    """One container on offer.

    What it takes of a stream's own packets is no part of this table: `keeping` tries that.

    Attributes:
        name: What users call it, and its files' suffix without the dot.
        format: ffmpeg's name of its muxer.
        text: The codec that text subtitles are converted to which it does not take as they are.
        cover: How it keeps the picture that belongs to a film: as a file "attached" to it, as a
            "stream" of one packet, or not at all, "".
        attachments: Whether files such as fonts can be attached.
        edit_lists: Whether it hides what a stream's packets hold from before 0, and states times
            in any unit; the others round to milliseconds and show everything.
        codec_tags: Whether a codec is named by four characters, of which there is a choice.
        simultaneous: Whether packets of a stream may share a decoding time, as a dialog's lines do.
        states_aspect: Whether its header states the shape of a pixel of any codec.
        side_data: Whether it keeps what goes beside a packet, as VP9's alpha does.
    """

    name: str
    format: str
    text: str
    cover: Literal["attached", "stream", ""] = ""
    attachments: bool = False
    edit_lists: bool = False
    codec_tags: bool = False
    simultaneous: bool = False
    states_aspect: bool = False
    side_data: bool = False

    @property
    def suffix(self) -> str:
        """Of the names of its files, with the dot."""
        return f".{self.name}"


# The QuickTime muxer takes a cover, and then writes a file without it.
CONTAINERS: dict[str, Container] = {
    one.name: one
    for one in (
        Container(
            "mp4",
            "mp4",
            "mov_text",
            cover="stream",
            edit_lists=True,
            codec_tags=True,
            states_aspect=True,
        ),
        Container(
            "mov",
            "mov",
            "mov_text",
            edit_lists=True,
            codec_tags=True,
            states_aspect=True,
        ),
        Container(
            "mkv",
            "matroska",
            "subrip",
            cover="attached",
            attachments=True,
            simultaneous=True,
            side_data=True,
        ),
        Container("webm", "webm", "webvtt", simultaneous=True, side_data=True),
    )
}
"""By name."""
