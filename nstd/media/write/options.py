"""What an encoder is told besides its name, so that the same frames give the same bytes."""

import os

import cv2

from nstd.media.write.codecs import PRESETS, EncodeSettings, Layout

_AVX_512 = 256
"""OpenCV's `CPU_AVX512_SKX`, which has no name in Python: the part of AVX-512 that x264 uses."""


def encoder_options(settings: EncodeSettings, layout: Layout) -> dict[str, str]:
    """Options that make the encoder's bytes a function of frames and settings alone.

    Every group of pictures is closed, so that segments can be joined.

    Args:
        settings: How to encode.
        layout: Of the coded picture.
    """
    if settings.encoder == "nvenc":
        return _nvenc_options(settings)
    threads, slowness = str(settings.threads), PRESETS.index(settings.preset)
    rated = {"crf": str(settings.quality), "preset": settings.preset}
    match settings.codec:
        case "h264":
            options = rated | {"threads": threads, "x264-params": _same_bytes()}
        case "h265":
            parameters = f"log-level=none:open-gop=0:pools={threads}:frame-threads=1"
            options = rated | {"x265-params": parameters}
        case "av1":
            # SVT-AV1 prints its configuration on stderr unless its environment forbids it.
            os.environ.setdefault("SVT_LOG", "1")
            options = rated | {"preset": str(12 - slowness), "svtav1-params": f"lp={threads}"}
        case "vp9":
            options = {
                "crf": str(settings.quality),
                "b": "0",
                "deadline": "good",
                # Of "good" 5 is the fastest and 0 the slowest; "medium" is 2.
                "cpu-used": str(min(5, max(0, 7 - slowness))),
                # What is never shown has no alpha: libvpx refuses the two together.
                "auto-alt-ref": "0" if layout.alpha else "1",
                "row-mt": "0",
                "threads": threads,
            }
        case "prores":
            options = {"profile": str(layout.profile), "vendor": "apl0", "threads": threads}
        case "dnxhr":
            options = {"profile": f"dnxhr_{layout.profile}", "threads": threads}
        case _:
            options = {"level": "3", "slicecrc": "1", "slices": "4", "threads": threads}
    return options


def _nvenc_options(settings: EncodeSettings) -> dict[str, str]:
    """Of constant quality; a group of pictures is closed there unless told otherwise."""
    slowness = PRESETS.index(settings.preset)
    return {
        "rc": "vbr",
        "cq": str(settings.quality),
        "b": "0",
        "preset": f"p{1 + slowness * 6 // (len(PRESETS) - 1)}",
        "tune": "hq",
    }


def _same_bytes() -> str:
    """Parameters for x264 without which the same frames give other bytes each time.

    Seen with x264 165 in PyAV 18.1, one thread and two, 320×180, preset medium: with AVX-512 runs
    differ (its macroblock tree does: without it they do not), with any lesser set they do not. x264
    takes the sets it is told for granted, so they are named only where the processor has more than
    all of them. `cpu-independent` makes the bytes the same between lesser sets.
    """
    if not cv2.checkHardwareSupport(_AVX_512):
        return "cpu-independent=1"
    return "cpu-independent=1:asm=MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI2,AVX2"
