"""How films are encoded: the codecs on offer, and what each needs."""

from dataclasses import dataclass
from typing import Literal

from nstd.errors import UsageError
from nstd.media.write.containers import CONTAINERS, Container

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]
PRESETS: tuple[str, ...] = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec on offer.

    Attributes:
        encoder: ffmpeg's name of the encoder.
        pixel_format: Layout of the coded picture.
        odd_pixel_format: Layout for pictures of odd width or height.
        segment_format: ffmpeg's name of the container its segments are kept in.
        containers: The containers a finished film may have.
        worst: The largest `quality` (CRF); 0 for a codec that has none.
        smallest: Least width and height of the coded picture.
        tag: The four characters that name it in MP4 where ffmpeg's choice does not play
            everywhere.
    """

    encoder: str
    pixel_format: str
    odd_pixel_format: str
    segment_format: str
    containers: tuple[str, ...]
    worst: int
    smallest: tuple[int, int] = (2, 2)
    tag: str | None = None


# Segments are MP4 (QuickTime for ProRes): with the movie's time scale set, its time stamps are
# exact. Matroska's are rounded to a millisecond, and its decoding times cannot be joined.
CODECS: dict[str, Codec] = {
    "h264": Codec("libx264", "yuv420p", "yuv444p", "mp4", ("mp4", "mov", "mkv"), 51),
    # Apple's players know HEVC only by this tag. In pictures smaller than a block x265 and SVT-AV1
    # write beyond their buffers: seen at 48×48 and at 66×18, and the process crashes later.
    "h265": Codec(
        "libx265", "yuv420p", "yuv444p", "mp4", ("mp4", "mov", "mkv"), 51, (64, 64), "hvc1"
    ),
    "av1": Codec("libsvtav1", "yuv420p", "yuv420p", "mp4", ("mp4", "mkv"), 63, (64, 64)),
    "prores": Codec("prores_ks", "yuv422p10le", "yuv444p10le", "mov", ("mov", "mkv"), 0),
    "ffv1": Codec("ffv1", "bgr0", "bgr0", "mp4", ("mkv", "mp4"), 0),
}


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How a film is encoded; frozen with its job, since the bytes depend on all of it.

    Attributes:
        codec: One of `CODECS`. FFV1 is lossless: it keeps every frame as it was painted.
        quality: Constant rate factor: 0 is best, 18 is hard to tell from the original. ProRes and
            FFV1 have none.
        preset: x264's names, "ultrafast" to "veryslow": slower is smaller.
        container: One of `CONTAINERS`.
        threads: How many the encoder uses; x264's bytes change with it.

    Raises:
        UsageError: A name is unknown, a number is out of range, or the container cannot hold the
            codec.
    """

    codec: str = "h264"
    quality: int = 18
    preset: str = "medium"
    container: str = "mp4"
    threads: int = 2

    def __post_init__(self) -> None:
        _one_of("codec", self.codec, CODECS)
        _one_of("container", self.container, CONTAINERS)
        _one_of("preset", self.preset, PRESETS)
        codec = CODECS[self.codec]
        if self.container not in codec.containers:
            raise UsageError(
                f"A film in {self.codec} cannot be put into {self.container}",
                f"Choose the container {' or '.join(codec.containers)}",
            )
        if codec.worst and not 0 <= self.quality <= codec.worst:
            raise UsageError(
                f"The quality {self.quality} is out of range for {self.codec}",
                f"Choose from 0 (best) to {codec.worst}",
            )
        if not 1 <= self.threads <= 64:
            raise UsageError(f"An encoder cannot use {self.threads} threads", "Choose from 1 to 64")

    @property
    def holder(self) -> Container:
        """The container, and what it can hold."""
        return CONTAINERS[self.container]


def pixel_format(settings: EncodeSettings, width: int, height: int) -> str:
    """Layout of the coded picture: one that keeps an odd size as it is."""
    codec = CODECS[settings.codec]
    return codec.odd_pixel_format if width % 2 or height % 2 else codec.pixel_format


def _one_of(what: str, name: str, known: object) -> None:
    names = list(known)  # type: ignore[call-overload]
    if name not in names:
        raise UsageError(f"There is no {what} {name!r}", f"Choose one of {', '.join(names)}")
