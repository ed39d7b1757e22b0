"""ffmpeg's encoders of films: the layouts each takes, and what it is told besides its name."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]
PRESETS: tuple[str, ...] = get_args(Preset)


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout of coded pictures that an encoder takes.

    Attributes:
        pixel_format: ffmpeg's name of it.
        profile: The codec's profile that has it, as a user names it; None where it has no names.
        tag: The four characters that name the profile in a container, where they do.
    """

    pixel_format: str
    profile: str | None = None
    tag: str | None = None

    @property
    def bits(self) -> int:
        """Of each component."""
        depth = re.search(r"p(\d+)le$", self.pixel_format)
        return int(depth[1]) if depth else 8

    @property
    def alpha(self) -> bool:
        """Whether it has a plane of alpha."""
        return self.pixel_format.startswith(("yuva", "gbrap", "bgra"))

    @property
    def halved(self) -> bool:
        """Whether chroma has half of the picture's width."""
        return any(mark in self.pixel_format for mark in ("420", "422", "p010"))


@dataclass(frozen=True, slots=True)
class EncoderRequest:
    """What an encoder is asked for.

    Attributes:
        layout: Of the coded picture.
        quality: On the codec's own scale; 0 is best.
        preset: One of `PRESETS`.
        threads: How many it may use.
        avx_512: The processor has the part of AVX-512 that x264 uses.
    """

    layout: Layout
    quality: int
    preset: str
    threads: int
    avx_512: bool

    @property
    def slowness(self) -> int:
        """The preset as a number; 0 is the fastest."""
        return PRESETS.index(self.preset)


@dataclass(frozen=True, slots=True)
class Encoder:
    """One encoder of a codec.

    Attributes:
        name: ffmpeg's.
        layouts: Of the coded picture, the usual one first.
        options: Those that make its bytes a function of frames and settings alone. Every group of
            pictures is closed, so that segments can be joined.
    """

    name: str
    layouts: tuple[Layout, ...]
    options: Callable[[EncoderRequest], dict[str, str]]


def plain(*pixel_formats: str) -> tuple[Layout, ...]:
    """Layouts without profiles."""
    return tuple(Layout(one) for one in pixel_formats)


def named(profiles: str, *pixel_formats: str) -> tuple[Layout, ...]:
    """Each of these layouts in each of these profiles, which blanks part."""
    return tuple(Layout(one, name) for name in profiles.split() for one in pixel_formats)


def x264(asked: EncoderRequest) -> dict[str, str]:
    """H.264, in software.

    Without its parameters the same frames give other bytes each time. Seen with x264 165 in PyAV
    18.1, one thread and two, 320×180, preset medium: with AVX-512 runs differ (its macroblock tree
    does: without it they do not), with any lesser set they do not. x264 takes the sets it is told
    for granted, so they are named only where the processor has more than all of them.
    `cpu-independent` makes the bytes the same between lesser sets.
    """
    named_sets = ":asm=MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI2,AVX2" if asked.avx_512 else ""
    parameters = f"cpu-independent=1{named_sets}"
    return _rated(asked) | {"threads": str(asked.threads), "x264-params": parameters}


def x265(asked: EncoderRequest) -> dict[str, str]:
    """H.265, in software."""
    parameters = f"log-level=none:open-gop=0:pools={asked.threads}:frame-threads=1"
    return _rated(asked) | {"x265-params": parameters}


def svt_av1(asked: EncoderRequest) -> dict[str, str]:
    """AV1, in software."""
    # It prints its configuration on stderr unless its environment forbids it.
    os.environ.setdefault("SVT_LOG", "1")
    speed = {"preset": str(12 - asked.slowness), "svtav1-params": f"lp={asked.threads}"}
    return _rated(asked) | speed


def libvpx(asked: EncoderRequest) -> dict[str, str]:
    """VP9."""
    return {
        "crf": str(asked.quality),
        "b": "0",
        "deadline": "good",
        # Of "good" 5 is the fastest and 0 the slowest; "medium" is 2.
        "cpu-used": str(min(5, max(0, 7 - asked.slowness))),
        # What is never shown has no alpha: libvpx refuses the two together.
        "auto-alt-ref": "0" if asked.layout.alpha else "1",
        "row-mt": "0",
        "threads": str(asked.threads),
    }


def prores(asked: EncoderRequest) -> dict[str, str]:
    """ProRes."""
    profile = str(asked.layout.profile)
    return {"profile": profile, "vendor": "apl0", "threads": str(asked.threads)}


def dnxhr(asked: EncoderRequest) -> dict[str, str]:
    """DNxHR."""
    return {"profile": f"dnxhr_{asked.layout.profile}", "threads": str(asked.threads)}


def ffv1(asked: EncoderRequest) -> dict[str, str]:
    """FFV1, whose slices are checked when they are read."""
    return {"level": "3", "slicecrc": "1", "slices": "4", "threads": str(asked.threads)}


def nvenc(asked: EncoderRequest) -> dict[str, str]:
    """Any codec on NVIDIA's cards; a group of pictures is closed there unless told otherwise."""
    return {
        "rc": "vbr",
        "cq": str(asked.quality),
        "b": "0",
        "preset": f"p{1 + asked.slowness * 6 // (len(PRESETS) - 1)}",
        "tune": "hq",
    }


def _rated(asked: EncoderRequest) -> dict[str, str]:
    return {"crf": str(asked.quality), "preset": asked.preset}
