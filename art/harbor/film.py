"""Draw the film of `nstd demo`: `python -m art.harbor.film [--frames N] [--out FILE]`."""

import argparse
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import OutputContainer

from art.harbor.scene import FRAME_RATE, SIZE, Scene
from art.harbor.sound import RATE, Sound, make_sound
from nstd.media.color import encodable, tag
from nstd.media.write.codecs import CODECS, EncodeSettings, layout_of
from nstd.media.write.options import encoder_options

FRAMES = 24
SHIPPED = Path(__file__).parents[2] / "nstd/data/demo.mp4"

TIME_BASE = Fraction(1, 12_288)
"""Seconds per unit of the film's time stamps; a frame is a whole number of them."""

_ENCODE = EncodeSettings(quality=14, preset="medium", container="mp4", threads=1)
_AUDIO_FRAME = 1024
"""Samples in a packet of AAC."""


def write_film(path: Path, frames: int = FRAMES) -> None:
    """Draw and encode the film: H.264 in BT.709, stereo AAC of the same duration.

    Args:
        path: Where; what is there is replaced.
        frames: How many, at least 1; twelve are a second.
    """
    # The movie's time scale fits picture and sound, so that both begin and end where they say.
    ticks = {"movie_timescale": "48000", "video_track_timescale": str(TIME_BASE.denominator)}
    options = {"movflags": "+faststart"} | ticks
    with av.open(str(path), "w", format="mp4", options=options) as container:
        _fill(container, frames)


def _fill(container: OutputContainer, frames: int) -> None:
    container.metadata["title"] = "Harbor at dusk"
    picture = _picture_stream(container)
    sound = container.add_stream("aac", rate=RATE, layout="stereo")
    sound.codec_context.bit_rate = 128_000
    sound.codec_context.time_base = Fraction(1, RATE)
    scene = Scene()
    step = round(1 / FRAME_RATE / TIME_BASE)
    samples = make_sound(round(frames / FRAME_RATE * RATE))
    heard = 0
    for index in range(frames):
        frame = encodable(scene.frame(index), picture.codec_context.pix_fmt or "yuv420p")
        frame.pts, frame.time_base = index * step, TIME_BASE
        _mux(container, picture, frame)
        until = round((index + 1) / FRAME_RATE * RATE)
        while heard < until:
            _mux(container, sound, _audio_frame(samples, heard))
            heard += _AUDIO_FRAME
    for stream in (picture, sound):
        _mux(container, stream, None)


def _picture_stream(container: OutputContainer) -> av.VideoStream:
    layout = layout_of(_ENCODE, *SIZE)
    encoder, options = (
        CODECS[_ENCODE.codec].encoders["software"].name,
        encoder_options(_ENCODE, layout),
    )
    stream = container.add_stream(encoder, rate=FRAME_RATE, options=options)
    picture = cast("av.VideoStream", stream)
    context = picture.codec_context
    context.width, context.height = SIZE
    context.pix_fmt = layout.pixel_format
    context.time_base = TIME_BASE
    tag(context, layout.pixel_format)
    context.open()
    return picture


def _audio_frame(samples: Sound, first: int) -> av.AudioFrame:
    part = np.ascontiguousarray(samples[:, first : first + _AUDIO_FRAME])
    frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
    frame.sample_rate = RATE
    frame.pts, frame.time_base = first, Fraction(1, RATE)
    return frame


def _mux(
    container: OutputContainer,
    stream: av.VideoStream | av.AudioStream,
    frame: av.VideoFrame | av.AudioFrame | None,
) -> None:
    for packet in stream.encode(frame):  # type: ignore[arg-type]
        if isinstance(stream, av.VideoStream):
            packet.duration = round(1 / FRAME_RATE / TIME_BASE)
        container.mux(packet)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args()
    write_film(options.out, options.frames)
