"""ffmpeg's video encoders: the layouts that each takes, and its options."""

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
        profile: The codec's profile that has it, as users call it; None where none has a name.
        tag: The four characters that name the profile in a container; None where there are none.
    """

    pixel_format: str
    profile: str | None = None
    tag: str | None = None

    @property
    def bits(self) -> int:
        """Bits of a component."""
        depth = re.search(r"p(\d+)le$", self.pixel_format)
        return int(depth[1]) if depth else 8

    @property
    def alpha(self) -> bool:
        """Whether it has a plane of alpha."""
        return self.pixel_format.startswith(("yuva", "gbrap", "bgra"))

    @property
    def halved(self) -> bool:
        """Whether chroma has half the width of the picture."""
        return any(mark in self.pixel_format for mark in ("420", "422", "p010"))


@dataclass(frozen=True, slots=True)
class EncoderRequest:
    """What an encoder is asked for.

    Attributes:
        layout: Of the coded picture.
        quality: On the codec's own scale; 0 is best.
        preset: One of `PRESETS`.
        threads: Number of threads that it may use.
        avx_512: Whether the processor has the part of AVX-512 that x264 uses.
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
    """Each of these layouts in each of these profiles, whose names are separated by blanks."""
    return tuple(Layout(one, name) for name in profiles.split() for one in pixel_formats)


def x264(asked: EncoderRequest) -> dict[str, str]:
    """H.264, in software.

    Without these parameters the same frames may give other bytes in each run. Seen with x264 165 in
    PyAV 18.1, one thread and two, 320×180, preset medium: runs differ with AVX-512 (because of the
    macroblock tree: without it they do not), and do not differ with any smaller instruction set.
    x264 does not check the sets that it is told to use, so they are named only where the processor
    has AVX-512 and so all of them. `cpu-independent` makes the bytes equal between smaller sets.
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
        # With "good", 5 is the fastest and 0 the slowest; "medium" is 2.
        "cpu-used": str(min(5, max(0, 7 - asked.slowness))),
        # No frames that are never shown: libvpx refuses them together with alpha.
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
    """FFV1, with checksums of its slices."""
    return {"level": "3", "slicecrc": "1", "slices": "4", "threads": str(asked.threads)}


def nvenc(asked: EncoderRequest) -> dict[str, str]:
    """Any codec on NVIDIA's cards, which close each group of pictures unless told otherwise."""
    return {
        "rc": "vbr",
        "cq": str(asked.quality),
        "b": "0",
        "preset": f"p{1 + asked.slowness * 6 // (len(PRESETS) - 1)}",
        "tune": "hq",
    }


def _rated(asked: EncoderRequest) -> dict[str, str]:
    return {"crf": str(asked.quality), "preset": asked.preset}
