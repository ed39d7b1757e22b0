"""Limits: what is refused, with which words, and what older jobs knew of them."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.errors import UnsupportedError
from nstd.media.frame import VideoInfo
from nstd.media.read.limits import Limits

FILM = Path("/in/a.mp4")
INFO = VideoInfo(
    stream=0,
    width=320,
    height=180,
    frame_rate=Fraction(25),
    time_base=Fraction(1, 25),
    start=0,
    duration=250,
    frames=250,
)
numbers = st.floats(0.001, 1e9)
limits = st.builds(
    Limits,
    megapixels=numbers,
    still_megapixels=numbers,
    frames=st.integers(1, 10**12),
    hours=numbers,
    free_gib=st.floats(0, 1e6),
)


@given(limits)
def test_limits_come_back_from_json_as_they_were(limits: Limits) -> None:
    assert Limits.from_json(json.loads(json.dumps(limits.to_json()))) == limits


@pytest.mark.parametrize(
    "data", [{"pixels": 3}, {"frames": "3"}, {"hours": None}, {"frames": True}]
)
def test_what_are_no_limits_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Limits.from_json(data)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (
            Limits(megapixels=0.05),
            (
                "Each frame of /in/a.mp4 has 320×180 pixels (0.1 megapixels), and the limit is "
                "0.05. Scale it down first, or raise limits: megapixels in config.yaml and queue "
                "it again with `nstd add --again`."
            ),
        ),
        (
            Limits(frames=249),
            (
                "/in/a.mp4 has 250 frames, and the limit is 249. "
                "Cut it into parts, or raise limits: frames in config.yaml and queue it again with "
                "`nstd add --again`."
            ),
        ),
        (
            Limits(hours=0.001),
            (
                "/in/a.mp4 takes 0.00278 hours, and the limit is 0.001. "
                "Cut it into parts, or raise limits: hours in config.yaml and queue it again with "
                "`nstd add --again`."
            ),
        ),
    ],
)
def test_what_is_beyond_a_limit_is_refused_with_the_key_to_raise(
    limits: Limits, sentence: str
) -> None:
    with pytest.raises(UnsupportedError) as caught:
        limits.require(FILM, INFO)
    assert str(caught.value) == sentence


def test_a_picture_has_a_limit_of_its_own() -> None:
    limits = Limits(megapixels=1, still_megapixels=2)
    limits.require_still_size(FILM, 2000, 1000)
    with pytest.raises(UnsupportedError, match="raise limits: still_megapixels in config"):
        limits.require_still_size(FILM, 2001, 1000)


def test_what_is_just_at_the_limit_is_painted() -> None:
    exact = Limits(megapixels=0.0576, frames=250, hours=10 / 3600)
    exact.require(FILM, INFO)
    with pytest.raises(UnsupportedError, match="has 251 frames"):
        exact.require(FILM, replace(INFO, frames=251))


def test_the_defaults_take_8k_and_a_day_at_60_frames_a_second() -> None:
    day = replace(INFO, width=8192, height=4320, frames=24 * 3600 * 60, duration=24 * 3600 * 25)
    Limits().require(FILM, day)
