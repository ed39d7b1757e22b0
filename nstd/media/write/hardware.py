"""What encodes a film: software, or NVIDIA's encoder where that is asked for and works."""

from fractions import Fraction
from typing import cast

import av
import numpy as np

from nstd.media.write.codecs import CODECS, EncoderKind, EncodeSettings

_SIDE = 256
"""Edge of the picture that is tried: no encoder refuses that size."""


def choose_encoder(wanted: EncodeSettings, begun: str | None = None) -> tuple[EncoderKind, str]:
    """What encodes a film, and a clause about it where that is not what was asked for.

    Segments of two encoders cannot be joined. So a film that was begun in software goes on in
    software, and one that NVIDIA's encoder has begun goes on with that as long as it works.

    Args:
        wanted: What was asked for.
        begun: What has encoded the film so far; None where nothing has.
    """
    if wanted.encoder == "software" or begun not in {None, wanted.encoder}:
        return "software", ""
    why = why_no_nvenc(wanted.codec)
    if why is None:
        return "nvenc", ""
    return "software", f"software: NVIDIA's encoder does not work here ({why})"


def why_no_nvenc(codec: str) -> str | None:
    """Why NVIDIA's encoder of a codec cannot be used here; None: it can.

    Only a trial tells: it needs a card with such an encoder (the largest have none), its driver,
    and a free session.
    """
    encoder = CODECS[codec].encoders.get("nvenc")
    if encoder is None:
        return f"there is none for {codec}"
    frame = av.VideoFrame.from_ndarray(np.zeros((_SIDE, _SIDE, 3), np.uint8), format="rgb24")
    frame.pts = 0
    try:
        context = cast("av.VideoCodecContext", av.CodecContext.create(encoder.name, "w"))
        context.width = context.height = _SIDE
        context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 25)
        made = [*context.encode(frame.reformat(format="yuv420p")), *context.encode(None)]
    except av.FFmpegError as error:
        return error.strerror or str(error)
    except ValueError as error:  # this build of ffmpeg does not know it
        return str(error)
    return None if made else "it makes nothing"
