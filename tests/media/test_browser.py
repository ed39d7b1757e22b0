"""What comes out by default plays in a browser: to its end, with sound, for as long as it was."""

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.media.browser import chromium, play
from tests.media.case import Case
from tests.media.facts import probe
from tests.media.program import at_home, copy

_LONG = {
    "picture": "testsrc2=s=160x96:r=25:d=1",
    "sound": "aevalsrc='0.4*sin(2*PI*(300*t+500*t*t))':s=48000:d=1",
}
_H264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"

KINDS = {
    "h264-aac": ("mp4", f"{_H264} -c:a aac"),
    "prores-pcm24": ("mov", "-c:v prores_ks -c:a pcm_s24le"),
    "mpeg4-mp3": ("avi", "-c:v mpeg4 -q:v 2 -c:a libmp3lame"),
    "h264-ac3": ("mkv", f"{_H264} -c:a ac3"),
    "mpeg2-mp2": ("mpg", "-c:v mpeg2video -q:v 2 -c:a mp2"),
    "interlaced": (
        "ts",
        f"-vf tinterlace=interleave_top,fieldorder=tff {_H264} -flags +ilme+ildct -c:a mp2",
    ),
    "vp9-opus": ("webm", "-c:v libvpx-vp9 -deadline realtime -b:v 2M -c:a libopus"),
    "h264-alac": ("mov", f"{_H264} -c:a alac"),
}


@pytest.fixture(scope="session")
def played(
    sources: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, tuple[Path, Path, Mapping[str, Any]]]:
    """Source, result, and what the browser says of that, by kind."""
    if chromium() is None:
        if os.environ.get("NSTD_EXPECT_CHROMIUM"):
            pytest.fail("chromium is not here, and NSTD_EXPECT_CHROMIUM says that it must be")
        pytest.skip("needs chromium (set NSTD_EXPECT_CHROMIUM to make this a failure)")
    folder = tmp_path_factory.mktemp("browser")
    films = {}
    for name, (suffix, make) in KINDS.items():
        picture = _LONG["picture"].replace("r=25", "r=50" if name == "interlaced" else "r=25")
        case = Case(name=name, source=suffix, make=make, picture=picture, sound=_LONG["sound"])
        source, target = case.made(sources), folder / f"{name}.mp4"
        with pytest.MonkeyPatch.context() as patch:
            at_home(patch, folder / "own")
            ended = copy(source, target)
        assert ended.code == 0, ended.said
        films[name] = source, target
    found = play([target for _, target in films.values()], folder / "home")
    return {name: (*paths, found[f"{name}.mp4"]) for name, paths in films.items()}


@pytest.mark.parametrize("name", KINDS)
def test_it_plays_to_its_end_with_sound(
    name: str, played: Mapping[str, tuple[Path, Path, Mapping[str, Any]]], ffprobe: str
) -> None:
    source, _, seen = played[name]
    assert (seen["ended"], seen["error"]) == (True, None)
    assert (seen["width"], seen["height"]) == (160, 96)
    assert seen["sound"] > 0
    assert seen["loudest"] > 0.1
    format_, _ = probe(source)
    frame = Fraction(1, 25)
    assert abs(seen["duration"] - float(format_["format"]["duration"])) <= frame
    assert abs(seen["time"] - seen["duration"]) <= frame
