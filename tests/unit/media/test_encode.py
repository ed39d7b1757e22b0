"""Encoder settings: what works together, and clear words for what does not."""

import cv2
import pytest

from nstd.errors import UsageError
from nstd.media.write.encode import CODECS, EncodeSettings, pixel_format
from nstd.media.write.options import encoder_options


def test_the_defaults_play_everywhere() -> None:
    settings = EncodeSettings()
    assert (settings.codec, settings.container, settings.quality) == ("h264", "mp4", 18)
    assert pixel_format(settings, 1920, 1080) == "yuv420p"


@pytest.mark.parametrize(
    ("changes", "problem", "remedy"),
    [
        ({"codec": "h263"}, "no codec 'h263'", "h264, h265, av1, prores, ffv1"),
        ({"container": "avi"}, "no container 'avi'", "mp4, mov, mkv"),
        ({"preset": "warp"}, "no preset 'warp'", "ultrafast"),
        ({"codec": "prores"}, "prores cannot be put into mp4", "mov or mkv"),
        ({"codec": "av1", "container": "mov"}, "av1 cannot be put into mov", "mp4 or mkv"),
        ({"quality": 52}, "quality 52 is out of range for h264", "0 .best. to 51"),
        ({"quality": -1}, "quality -1 is out of range", "0 .best."),
        ({"threads": 0}, "0 threads", "from 1 to 64"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(
    changes: dict[str, object], problem: str, remedy: str
) -> None:
    with pytest.raises(UsageError, match=f"{problem}.*{remedy}"):
        EncodeSettings(**changes)  # type: ignore[arg-type]


def test_av1_has_a_wider_range_of_quality() -> None:
    assert EncodeSettings(codec="av1", quality=63).quality == 63


@pytest.mark.parametrize("codec", CODECS)
def test_every_encoder_is_told_its_number_of_threads(codec: str) -> None:
    container = CODECS[codec].containers[0]
    few = encoder_options(EncodeSettings(codec=codec, container=container, threads=1))
    many = encoder_options(EncodeSettings(codec=codec, container=container, threads=3))
    assert few != many


@pytest.mark.parametrize(("width", "height"), [(97, 64), (96, 63), (97, 63)])
def test_an_odd_size_gets_a_layout_that_can_hold_it(width: int, height: int) -> None:
    assert pixel_format(EncodeSettings(), width, height) == "yuv444p"


@pytest.mark.parametrize("has_avx_512", [False, True])
def test_x264_is_kept_from_what_gives_other_bytes_each_time(
    monkeypatch: pytest.MonkeyPatch, has_avx_512: bool
) -> None:
    asked: list[int] = []

    def supports(kind: int) -> bool:
        asked.append(kind)
        return has_avx_512

    monkeypatch.setattr(cv2, "checkHardwareSupport", supports)
    parameters = encoder_options(EncodeSettings())["x264-params"].split(":")
    assert asked == [256]
    assert "cpu-independent=1" in parameters
    named = [parameter for parameter in parameters if parameter.startswith("asm=")]
    # Named sets are taken for granted: they may be named only where there is more than those.
    assert len(named) == has_avx_512
    assert not any("AVX512" in parameter for parameter in named)
