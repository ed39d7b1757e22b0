"""Shots: hard cuts at the exact frame; light, gradual changes and motion are none."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pytest

from nstd.errors import TruncatedError
from nstd.media.frame import Frame, ImageU8
from nstd.media.read.shots import LOOK_AHEAD, LOOK_BACK, ShotFrame, with_cuts
from tests.scenes import texture

HEIGHT, WIDTH = 90, 160


def shot(
    seed: int, length: int, speed: int = 1, level: int = 128, contrast: float = 1.0
) -> list[ImageU8]:
    """A pan over a textured wall, `speed` pixels a frame, with sensor noise of 2 code values."""
    wall = texture(HEIGHT, WIDTH + length * speed, seed).astype(np.float64)
    wall = 0.3 * wall + 0.7 * wall.mean(axis=2, keepdims=True)  # colors of a scene are akin
    wall = (wall - wall.mean()) * contrast + level
    noise = np.random.default_rng(seed)
    return [
        _codes(wall[:, n * speed : n * speed + WIDTH] + noise.normal(0, 2, (HEIGHT, WIDTH, 3)))
        for n in range(length)
    ]


def _codes(values: object) -> ImageU8:
    return np.rint(np.clip(np.asarray(values, dtype=np.float64), 0, 255)).astype(np.uint8)


def dissolve(before: list[ImageU8], after: list[ImageU8], length: int) -> list[ImageU8]:
    """`before` turns into `after` in `length` mixed frames."""
    mixed = []
    for n, (a, b) in enumerate(zip(before[-length:], after[:length], strict=True), start=1):
        share = n / (length + 1)
        mixed.append(_codes(a * (1 - share) + b * share))
    return before[:-length] + mixed + after[length:]


def lit(image: ImageU8, factor: float, offset: float = 0.0) -> ImageU8:
    return _codes(image * factor + offset)


def frames(images: Sequence[ImageU8], first: int = 0) -> Iterator[Frame]:
    for index, image in enumerate(images):
        if index >= first:
            yield Frame(image, index, index, 1, Fraction(1, 25))


def cuts(images: Sequence[ImageU8]) -> list[int]:
    found = list(with_cuts(frames(images)))
    assert [one.frame.index for one in found] == list(range(len(images)))
    assert found[0].begins_shot
    return [one.frame.index for one in found[1:] if one.begins_shot]


def test_hard_cuts_are_found_at_the_exact_frame() -> None:
    images = shot(1, 20) + shot(2, 7, level=90) + shot(3, 30, speed=4) + shot(4, 3) + shot(5, 12)
    assert cuts(images) == [20, 27, 57, 60]


@pytest.mark.parametrize("place", [1, 2, 29])
def test_a_cut_right_after_the_film_s_begin_and_one_right_before_its_end_are_found(
    place: int,
) -> None:
    assert cuts(shot(1, place) + shot(2, 30 - place)) == [place]


def test_a_cut_between_scenes_of_like_light_and_contrast_is_found() -> None:
    assert cuts(shot(1, 15, level=120) + shot(2, 15, level=120)) == [15]


@pytest.mark.parametrize("length", range(1, 7))
@pytest.mark.parametrize("offset", [60.0, 130.0, 300.0], ids=["bright", "brighter", "white"])
def test_a_flash_is_no_cut(length: int, offset: float) -> None:
    images = shot(1, 40, speed=2)
    for n in range(12, 12 + length):
        images[n] = lit(images[n], 1, offset)
    assert cuts(images) == []


def test_a_flash_that_fades_slowly_is_no_cut() -> None:
    images = shot(1, 60)
    for n in range(12, 40):
        images[n] = lit(images[n], 1, 110 * 0.85 ** (n - 12))
    assert cuts(images) == []


def test_a_flash_beside_a_cut_leaves_the_cut_where_it_is() -> None:
    images = shot(1, 20) + shot(2, 20)
    for flashes in ((17,), (22,), (15, 16, 25)):
        lightning = [lit(i, 1, 140) if n in flashes else i for n, i in enumerate(images)]
        assert cuts(lightning) == [20]


def test_lights_that_are_switched_on_are_no_cut() -> None:
    images = shot(1, 40, contrast=0.6)
    images = [lit(image, 0.35) if n < 20 else image for n, image in enumerate(images)]
    assert cuts(images) == []


@pytest.mark.parametrize("length", [6, 12, 25])
def test_a_dissolve_is_no_cut(length: int) -> None:
    assert cuts(dissolve(shot(1, 40), shot(2, 40), length)) == []


def test_a_cut_that_two_fields_or_a_changed_rate_have_blurred_is_one_cut() -> None:
    (found,) = cuts(dissolve(shot(1, 20), shot(2, 20), 1))
    assert found in {19, 20}


@pytest.mark.parametrize("length", [8, 25])
def test_fades_out_of_black_and_into_it_are_no_cuts(length: int) -> None:
    image = shot(1, 60)
    ramp = np.clip(np.arange(60) / length, 0, 1) * np.clip((59 - np.arange(60)) / length, 0, 1)
    noise = np.random.default_rng(0)
    dark = [
        _codes(one * level + noise.normal(1, 1.5, one.shape))
        for one, level in zip(image, ramp, strict=True)
    ]
    black = [_codes(noise.normal(1, 1.5, image[0].shape)) for _ in range(10)]
    assert cuts(black + dark + black) == []


@pytest.mark.parametrize("speed", [8, 20])
def test_a_fast_pan_is_no_cut_and_hides_none(speed: int) -> None:
    assert cuts(shot(1, 25, speed) + shot(2, 25, speed)) == [25]


def test_a_still_source_and_one_of_one_color_have_no_cuts() -> None:
    still = shot(1, 1) * 20
    assert cuts(still) == []
    assert cuts([np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)] * 20) == []


def test_where_reading_begins_changes_no_cut() -> None:
    images = shot(1, 17) + shot(2, 9, level=90) + shot(3, 12) + shot(4, 4) + shot(5, 12)
    images = dissolve(images, shot(6, 30), 9)
    for n in (12, 13, 30, 49):
        images[n] = lit(images[n], 1, 150)
    whole = cuts(images)
    assert whole == [17, 26, 38, 42]
    for first in range(1, len(images)):
        begun = list(with_cuts(frames(images, max(0, first - LOOK_BACK)), first))
        assert [one.frame.index for one in begun] == list(range(first, len(images)))
        assert [one.frame.index for one in begun if one.begins_shot] == [
            cut for cut in whole if cut >= first
        ]


def test_no_more_frames_are_taken_ahead_than_a_decision_needs() -> None:
    taken = []

    def read() -> Iterator[Frame]:
        for frame in frames(shot(1, 30)):
            taken.append(frame.index)
            yield frame

    for number, one in enumerate(with_cuts(read())):
        assert one.frame.index == number
        assert len(taken) == min(30, number + LOOK_AHEAD + 1)


def test_all_frames_come_before_the_error_that_ends_them() -> None:
    def read() -> Iterator[Frame]:
        yield from frames(shot(1, 15) + shot(2, 5))
        raise TruncatedError("film.mp4 ends early")

    found: list[ShotFrame] = []
    with pytest.raises(TruncatedError, match="ends early"):
        found.extend(with_cuts(read()))
    assert [one.frame.index for one in found] == list(range(20))
    assert [one.frame.index for one in found if one.begins_shot] == [0, 15]
