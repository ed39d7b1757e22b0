"""What a wish is known by: begun work is found again by versions that know more keys."""

from dataclasses import replace
from fractions import Fraction

from nstd.media.read.limits import Limits
from nstd.media.read.reading import Reading
from nstd.media.write.codecs import EncodeSettings
from nstd.submit.output import OutputSpec

FIRST = {
    "encode": {
        "codec": "h264",
        "quality": 18,
        "preset": "medium",
        "container": "mp4",
        "threads": 2,
    },
    "first": 0,
    "last": None,
    "segment_frames": 48,
    "accept_truncated": False,
    "overwrite": False,
    "originals": "keep",
    "move_to": None,
    "siblings": (),
    "marker": None,
}
"""The wish of a plain command as version 0.1.0 knew it."""


def test_a_plain_wish_is_that_of_the_first_version() -> None:
    assert OutputSpec().wish() == FIRST


def test_what_is_not_the_default_is_part_of_the_wish() -> None:
    spec = OutputSpec(
        encode=EncodeSettings(quality=20),
        limits=Limits(frames=7),
        reading=Reading(deinterlace="fields"),
    )
    wish = spec.wish()
    assert wish["encode"] == FIRST["encode"] | {"quality": 20}  # type: ignore[operator]
    assert wish["limits"] == spec.limits.to_json()
    assert wish["reading"] == {"reader": "auto", "deinterlace": "fields", "rate": None}


def test_a_job_keeps_how_its_film_is_read_and_older_ones_have_the_default() -> None:
    spec = OutputSpec(reading=Reading("pyav", "off", Fraction(24000, 1001)))
    assert OutputSpec.from_json(spec.to_json()) == spec
    older = {key: value for key, value in spec.to_json().items() if key != "reading"}
    assert OutputSpec.from_json(older) == replace(spec, reading=Reading())


def test_a_job_of_before_loses_what_it_must_and_has_sound_that_plays() -> None:
    older = OutputSpec().to_json()
    del older["strict"], older["encode"]["sound"]
    found = OutputSpec.from_json(older)
    assert (found.strict, found.encode.sound) == (False, "compatible")


def test_a_film_that_may_lose_nothing_is_not_taken_over_from_one_that_may() -> None:
    assert not OutputSpec(strict=True).same_film(OutputSpec())
    assert OutputSpec(strict=True, overwrite=True).same_film(OutputSpec(strict=True))
