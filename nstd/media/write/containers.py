"""The containers that finished films can have, and what each can hold."""

from dataclasses import dataclass
from typing import Literal

_PCM = ("pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le")
_PCM_TOO_DEEP = ("pcm_s24", "pcm_s32", "pcm_f32", "pcm_f64")


@dataclass(frozen=True, slots=True)
class Container:
    """One container on offer.

    Whether it takes a stream's own packets is no part of this table: `keeping` tries that. What
    plays was tried of mono, stereo and 5.1: to its end with sound in Chromium 156, and decoded to
    the same samples by ffmpeg 5.1.

    Attributes:
        name: What users call it, and its files' suffix without the dot.
        format: ffmpeg's name of its muxer.
        codec: The codec of films that are put into it unless another is asked for.
        text: The codec that text subtitles are converted to which it does not take as they are.
        plays: Codecs of sound that play in it.
        lossless: Encoders for sound from lossless codecs that does not play in it; the first that
            keeps all of a sample is chosen, else the last.
        lossy: Encoder for other sound that does not play in it.
        misread: Beginnings of the names of codecs that it takes, and programs read as another:
            ffmpeg 5.1 reads MP4's PCM of more than 16 bits as one of 16, which is noise.
        bitmap_subtitles: Whether it holds subtitles that are pictures, and players show them. MP4
            takes those of a DVD, of which ffmpeg 5.1 finds no packet again.
        cover: How it keeps the picture that belongs to a film: as a file "attached" to it, as a
            "stream" of one packet, as a "tag" of its metadata, or not at all, "".
        attachments: Whether files such as fonts can be attached.
        edit_lists: Whether it hides what a stream's packets hold from before 0, and states times
            in any unit; the others round to milliseconds and show everything.
        codec_tags: Whether a codec is named by four characters, of which there is a choice.
        simultaneous: Whether packets of a stream may share a decoding time, as a dialog's lines do.
        states_aspect: Whether its muxer states the shape of a pixel of any codec, exactly.
        side_data: Whether it keeps what goes beside a packet, as VP9's alpha does.
        empty: Which streams it keeps though no packet was written of them: "all", those of its
            "text", which MP4's muxer ends with an empty packet, or none, "".
    """

    name: str
    format: str
    text: str
    plays: tuple[str, ...]
    lossless: tuple[str, ...] = ()
    lossy: str = "aac"
    misread: tuple[str, ...] = ()
    codec: str = "h264"
    bitmap_subtitles: bool = False
    cover: Literal["attached", "stream", "tag", ""] = ""
    attachments: bool = False
    edit_lists: bool = False
    codec_tags: bool = False
    simultaneous: bool = False
    states_aspect: bool = False
    side_data: bool = False
    empty: Literal["all", "text", ""] = ""

    @property
    def suffix(self) -> str:
        """Of the names of its files, with the dot."""
        return f".{self.name}"


# The QuickTime muxer takes a cover as a stream, and then writes a file without it.
CONTAINERS: dict[str, Container] = {
    one.name: one
    for one in (
        Container(
            "mp4",
            "mp4",
            "mov_text",
            plays=("aac", "mp3", "opus", "flac", "vorbis"),
            lossless=("flac",),
            misread=_PCM_TOO_DEEP,
            cover="stream",
            edit_lists=True,
            codec_tags=True,
            states_aspect=True,
            empty="text",
        ),
        Container(
            "mov",
            "mov",
            "mov_text",
            plays=("aac", "mp3", *_PCM, "pcm_alaw", "pcm_mulaw"),
            lossless=("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"),
            cover="tag",
            edit_lists=True,
            codec_tags=True,
            states_aspect=True,
            empty="text",
        ),
        Container(
            "mkv",
            "matroska",
            "subrip",
            plays=("aac", "mp3", "opus", "flac", "vorbis", *_PCM),
            lossless=("flac", "pcm_s32le", "pcm_f32le"),
            bitmap_subtitles=True,
            cover="attached",
            attachments=True,
            simultaneous=True,
            side_data=True,
            empty="all",
        ),
        Container(
            "webm",
            "webm",
            "webvtt",
            plays=("opus", "vorbis"),
            lossy="libopus",
            codec="vp9",
            simultaneous=True,
            side_data=True,
            empty="all",
        ),
    )
}
"""By name."""
