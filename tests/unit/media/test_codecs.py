"""Encoder settings: what works together, and clear words for what does not."""

import cv2
import pytest

from nstd.errors import UsageError
from nstd.media.write.codecs import CODECS, EncodeSettings, layout_of
from nstd.media.write.containers import FILMS
from nstd.media.write.encoders import Layout
from nstd.media.write.options import encoder_options


def test_the_defaults_play_everywhere() -> None:
    settings = EncodeSettings()
    assert (settings.codec, settings.container, settings.quality) == ("h264", "mp4", 18)
    assert layout_of(settings, 1920, 1080).pixel_format == "yuv420p"


@pytest.mark.parametrize(
    ("changes", "problem", "remedy"),
    [
        ({"codec": "h263"}, "no codec 'h263'", "h264, h265, av1, vp9, prores, dnxhr, ffv1"),
        ({"container": "avi"}, "no container 'avi'", ", ".join(FILMS)),
        ({"preset": "warp"}, "no preset 'warp'", "ultrafast"),
        ({"codec": "prores"}, "prores cannot be put into mp4", "mov or mkv"),
        ({"codec": "av1", "container": "mov"}, "av1 cannot be put into mov", "mp4 or mkv or webm"),
        ({"quality": 52}, "quality 52 is out of range for h264", "0 .best. to 51"),
        ({"quality": -1}, "quality -1 is out of range", "0 .best."),
        ({"threads": 0}, "0 threads", "from 1 to 64"),
        (
            {"codec": "prores", "container": "mov", "encoder": "nvenc"},
            "NVIDIA's cards encode no prores",
            "h264, h265 or av1",
        ),
        ({"profile": "hq"}, "h264 has no profile 'hq'", "Leave it out"),
        ({"codec": "dnxhr", "container": "mov", "profile": "lt"}, "no profile 'lt'", "hqx, hq, sq"),
        ({"codec": "vp9", "container": "webm", "depth": 10}, "no vp9 of 10 bits", "Choose 8"),
        (
            {"codec": "dnxhr", "container": "mov", "profile": "sq", "depth": 10},
            "no dnxhr's sq of 10 bits",
            "Choose 8",
        ),
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
    few, many = (EncodeSettings(codec=codec, container=container, threads=n) for n in (1, 3))
    layout = layout_of(few, 96, 64)
    assert encoder_options(few, layout) != encoder_options(many, layout)


def test_nvidias_encoders_have_settings_and_layouts_of_their_own() -> None:
    settings = EncodeSettings(codec="h265", encoder="nvenc", depth=10, quality=22, preset="slow")
    layout = layout_of(settings, 96, 64)
    assert (layout.pixel_format, layout.bits, layout.halved) == ("p010le", 10, True)
    options = encoder_options(settings, layout)
    assert (options["cq"], options["preset"]) == ("22", "p5")
    assert CODECS["h265"].encoders["nvenc"].name == "hevc_nvenc"


@pytest.mark.parametrize(("width", "height"), [(97, 64), (96, 63), (97, 63)])
def test_an_odd_size_gets_a_layout_that_can_hold_it(width: int, height: int) -> None:
    assert layout_of(EncodeSettings(), width, height).pixel_format == "yuv444p"


@pytest.mark.parametrize(
    ("settings", "alpha", "width", "expected"),
    [
        (("prores", "mov", None, None), False, 96, ("yuv422p10le", "hq")),
        (("prores", "mov", None, None), True, 96, ("yuva444p10le", "4444")),
        (("prores", "mov", None, None), False, 97, ("yuv444p10le", "4444")),
        (("prores", "mov", "proxy", None), True, 97, ("yuv422p10le", "proxy")),
        (("prores", "mov", "4444xq", None), True, 96, ("yuva444p10le", "4444xq")),
        (("dnxhr", "mov", None, None), False, 96, ("yuv422p10le", "hqx")),
        (("dnxhr", "mov", None, 8), False, 96, ("yuv422p", "hq")),
        (("vp9", "webm", None, None), True, 97, ("yuva420p", None)),
        (("vp9", "webm", None, None), False, 97, ("yuv420p", None)),
        (("h265", "mp4", None, 10), False, 96, ("yuv420p10le", None)),
        (("h265", "mp4", None, 10), False, 97, ("yuv444p10le", None)),
        (("ffv1", "mkv", None, None), True, 96, ("bgra", None)),
        (("ffv1", "mkv", None, 16), True, 96, ("gbrap16le", None)),
        (("h264", "mp4", None, None), True, 96, ("yuv420p", None)),
    ],
)
def test_the_layout_is_the_one_that_keeps_most(
    settings: tuple[str, str, str | None, int | None],
    alpha: bool,
    width: int,
    expected: tuple[str, str | None],
) -> None:
    codec, container, profile, depth = settings
    wanted = EncodeSettings(codec=codec, container=container, profile=profile, depth=depth)
    found = layout_of(wanted, width, 64, alpha=alpha)
    assert (found.pixel_format, found.profile) == expected


@pytest.mark.parametrize("has_avx_512", [False, True])
def test_x264_is_kept_from_what_gives_other_bytes_each_time(
    monkeypatch: pytest.MonkeyPatch, has_avx_512: bool
) -> None:
    asked: list[int] = []

    def supports(kind: int) -> bool:
        asked.append(kind)
        return has_avx_512

    monkeypatch.setattr(cv2, "checkHardwareSupport", supports)
    parameters = encoder_options(EncodeSettings(), Layout("yuv420p"))["x264-params"].split(":")
    assert asked == [256]
    assert "cpu-independent=1" in parameters
    named = [parameter for parameter in parameters if parameter.startswith("asm=")]
    # Named sets are taken for granted: they may be named only where there is more than those.
    assert len(named) == has_avx_512
    assert not any("AVX512" in parameter for parameter in named)
