"""What an encoder is told besides its name, so that the same frames give the same bytes."""

import os

import cv2

from nstd.media.write.encode import PRESETS, EncodeSettings

_AVX_512 = 256
"""OpenCV's `CPU_AVX512_SKX`, which has no name in Python: the part of AVX-512 that x264 uses."""


def encoder_options(settings: EncodeSettings) -> dict[str, str]:
    """Options that make the encoder's bytes a function of frames and settings alone.

    Every group of pictures is closed, so that segments can be joined.
    """
    threads, crf = str(settings.threads), str(settings.quality)
    match settings.codec:
        case "h264":
            return {"crf": crf, "preset": settings.preset, "threads": threads} | _same_bytes()
        case "h265":
            parameters = f"log-level=none:open-gop=0:pools={threads}:frame-threads=1"
            return {"crf": crf, "preset": settings.preset, "x265-params": parameters}
        case "av1":
            # SVT-AV1 prints its configuration on stderr unless its environment forbids it.
            os.environ.setdefault("SVT_LOG", "1")
            preset = 12 - PRESETS.index(settings.preset)
            return {"crf": crf, "preset": str(preset), "svtav1-params": f"lp={threads}"}
        case "prores":
            return {"profile": "auto", "vendor": "apl0", "threads": threads}
        case _:
            return {"level": "3", "slicecrc": "1", "slices": "4", "threads": threads}


def _same_bytes() -> dict[str, str]:
    """Options for x264 without which the same frames give other bytes each time.

    Seen with x264 165 in PyAV 18.1, one thread and two, 320×180, preset medium: with AVX-512 runs
    differ (its macroblock tree does: without it they do not), with any lesser set they do not. x264
    takes the sets it is told for granted, so they are named only where the processor has more than
    all of them. `cpu-independent` makes the bytes the same between lesser sets.
    """
    if not cv2.checkHardwareSupport(_AVX_512):
        return {"x264-params": "cpu-independent=1"}
    return {"x264-params": "cpu-independent=1:asm=MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI2,AVX2"}
