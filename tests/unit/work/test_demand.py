"""Memory and time that painting takes: estimated, and refused where that is too much."""

from dataclasses import replace
from pathlib import Path

import pytest

from nstd.errors import UnsupportedError
from nstd.media.read.limits import Limits
from nstd.painting.plan import ExecutionPlan
from nstd.style.ladder import parse_levels
from nstd.style.recipe import INDEPENDENT, StyleRecipe, StyleSource, Temporal
from nstd.submit.limits import require_within_limits
from nstd.work.demand import Estimate, estimate

FILM = Path("/in/a.mp4")
HD, FULL_HD, UHD = (1280, 720), (1920, 1080), (3840, 2160)
USUAL = StyleRecipe(styles=(StyleSource(image="s"),), network_name="pocket", temporal=INDEPENDENT)
PLAN = ExecutionPlan(device="cpu", processor="AVX2", threads=2)


def of(recipe: StyleRecipe, size: tuple[int, int], frames: int = 1, **plan: object) -> Estimate:
    return estimate(recipe, *size, frames, replace(PLAN, **plan))  # type: ignore[arg-type]


def test_what_needs_more_of_anything_takes_more_of_it() -> None:
    usual = of(USUAL, HD)
    assert (usual.width, usual.height, usual.steps) == (*HD, 145)
    # So much for each pixel, above what is taken whatever the size is: these have 4 : 9 : 36 parts.
    hd, full_hd, uhd = (of(USUAL, size).memory for size in (HD, FULL_HD, UHD))
    assert uhd - full_hd == pytest.approx((full_hd - hd) * 27 / 5)
    assert of(USUAL, UHD).frame_seconds > 5 * usual.frame_seconds
    assert of(replace(USUAL, size=640), HD).memory < usual.memory
    full = of(replace(USUAL, network_name="vgg19"), HD)
    larger = of(replace(USUAL, network_name="vgg19"), FULL_HD)
    assert larger.memory - full.memory > 2 * (full_hd - hd)
    assert full.frame_seconds > 5 * usual.frame_seconds
    # Of a network that nobody has measured the larger is believed.
    assert of(replace(USUAL, network_name="mine"), HD) == full
    assert of(USUAL, HD, history=3).memory < usual.memory
    assert of(USUAL, HD, threads=4).frame_seconds == usual.frame_seconds / 2
    assert of(USUAL, HD, device="cuda").frame_seconds < usual.frame_seconds / 10
    assert of(USUAL, HD, 10).seconds == pytest.approx(10 * usual.seconds)


def test_later_frames_of_a_shot_take_fewer_steps_and_more_memory() -> None:
    still, film = of(USUAL, HD, 100), of(replace(USUAL, temporal=Temporal()), HD, 100)
    assert film.seconds < still.seconds
    assert film.memory > still.memory


def test_the_more_threads_find_flow_the_more_memory_it_takes() -> None:
    flow = replace(USUAL, temporal=Temporal())
    one, three = (of(flow, HD, 100, device="cuda", threads=threads).memory for threads in (2, 4))
    alone = (of(USUAL, HD, 100, device="cuda", threads=threads).memory for threads in (2, 4))
    assert three > one
    assert len(set(alone)) == 1


def test_frames_that_are_kept_until_a_much_later_one_looks_back_count() -> None:
    near, far = (
        of(replace(USUAL, temporal=Temporal(long_term=(distance,))), HD, 2000)
        for distance in (2, 1000)
    )
    width, height = HD
    assert far.memory - near.memory == pytest.approx(998 * 3 * width * height, rel=0.01)


def test_a_style_image_that_is_looked_at_very_large_counts() -> None:
    usual = of(USUAL, HD)
    large = of(replace(USUAL, styles=(StyleSource(image="s", scale=10.0),)), HD)
    assert large.memory > 10 * usual.memory
    assert large.frame_seconds > 2 * usual.frame_seconds


def test_what_is_usual_is_within_the_limits() -> None:
    """A film of two minutes on two cores, a 4K frame with the full network, a phone's picture."""
    limits = Limits()
    full = replace(USUAL, network_name="vgg19")
    flow = replace(USUAL, temporal=Temporal())
    for recipe, size, frames in [
        (flow, FULL_HD, 3000),
        (full, UHD, 1),
        (USUAL, (12_000, 9_000), 1),
    ]:
        require_within_limits(FILM, recipe, limits, size, still=frames == 1)
        found = of(recipe, size, frames)
        limits.require_painting_time(
            FILM, "cpu", frame_seconds=found.frame_seconds, seconds=found.seconds
        )


@pytest.mark.parametrize(
    ("change", "still", "sentence"),
    [
        (
            {"size": 65536},
            False,
            (
                "/in/a.mp4 would be painted at 65536×36864 pixels (2,415.9 megapixels), and the "
                "limit is 40. Give its recipe a smaller size, or raise limits: megapixels in "
                "config.yaml and queue it again with `nstd add --again`."
            ),
        ),
        (
            {"size": 16000},
            True,
            (
                "/in/a.mp4 would be painted at 16000×9000 pixels (144.0 megapixels), and the limit "
                "is 120. Give its recipe a smaller size, or raise limits: still_megapixels in "
                "config.yaml and queue it again with `nstd add --again`."
            ),
        ),
        (
            {"levels": parse_levels("65536:100000")},
            False,
            (
                "/in/a.mp4 would be painted in 100,000 steps, and the limit is 3,000. Give its "
                "recipe fewer levels or steps, or raise limits: steps in config.yaml and queue it "
                "again with `nstd add --again`."
            ),
        ),
    ],
)
def test_size_and_steps_are_limited_as_painted(
    change: dict[str, object], still: bool, sentence: str
) -> None:
    recipe = replace(USUAL, **change)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError) as caught:
        require_within_limits(FILM, recipe, Limits(), HD, still=still)
    assert str(caught.value) == sentence
    more = Limits(megapixels=3000, still_megapixels=3000, steps=100_000)
    require_within_limits(FILM, recipe, more, HD, still=still)


def test_time_is_limited_for_a_frame_and_for_all() -> None:
    limits = Limits(frame_minutes=5, painting_hours=2)
    limits.require_painting_time(FILM, "cpu", frame_seconds=300, seconds=7200)
    with pytest.raises(UnsupportedError) as caught:
        limits.require_painting_time(FILM, "cpu", frame_seconds=1200, seconds=1200)
    assert str(caught.value) == (
        "A frame of /in/a.mp4 would take about 20 minutes on cpu, and the limit is 5. Give its "
        "recipe a smaller size, or fewer levels or steps, or raise limits: frame_minutes in "
        "config.yaml and queue it again with `nstd add --again`."
    )
    with pytest.raises(UnsupportedError) as caught:
        limits.require_painting_time(FILM, "cuda:0", frame_seconds=60, seconds=720_000)
    assert str(caught.value) == (
        "Painting /in/a.mp4 would take about 200 hours on cuda:0, and the limit is 2. Cut it into "
        "parts, give its recipe a smaller size or fewer steps, or raise limits: painting_hours in "
        "config.yaml and queue it again with `nstd add --again`."
    )
