"""The options of a film's encoder on this machine."""

import cv2

from nstd.media.write.codecs import CODECS, EncodeSettings
from nstd.media.write.encoders import EncoderRequest, Layout

_AVX_512 = 256
"""OpenCV's `CPU_AVX512_SKX`, which has no name in Python: the part of AVX-512 that x264 uses."""


def encoder_options(settings: EncodeSettings, layout: Layout) -> dict[str, str]:
    """Options that make the encoder's bytes a function of frames and settings alone.

    Args:
        settings: How to encode.
        layout: Of the coded picture.
    """
    avx_512 = cv2.checkHardwareSupport(_AVX_512)
    asked = EncoderRequest(layout, settings.quality, settings.preset, settings.threads, avx_512)
    return CODECS[settings.codec].encoders[settings.encoder].options(asked)
