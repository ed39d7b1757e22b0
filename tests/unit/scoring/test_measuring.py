"""A film's score, of frames made by hand: each number sees what it is for, and nothing else."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch

from nstd.media.frame import ImageU8
from nstd.painting.pictures import to_tensor
from nstd.scoring import FilmScore, Matched, StyleMeter, measure
from tests.scenes import texture
from tests.unit.style import tiny

HEIGHT, WIDTH = 48, 64
LENGTH = 8


def panned(seed: int, frames: int = LENGTH) -> list[ImageU8]:
    """A camera that moves by half a pixel a frame over a smooth picture."""
    whole = texture(2 * HEIGHT, 2 * WIDTH + frames, seed, slope=2.0)
    views = [whole[:, n : n + 2 * WIDTH].astype(np.float64) for n in range(frames)]
    small = [view.reshape(HEIGHT, 2, WIDTH, 2, 3).mean(axis=(1, 3)) for view in views]
    return [np.rint(view).astype(np.uint8) for view in small]


SOURCE = panned(1)


def score(
    painted: Sequence[ImageU8],
    source: Sequence[ImageU8] = SOURCE,
    *,
    cuts: Sequence[int] = (),
    segment_frames: int = 100,
    style: StyleMeter | None = None,
) -> FilmScore:
    pairs = enumerate(zip(painted, source, strict=True))
    frames = (Matched(n, n == 0 or n in cuts, own, other) for n, (own, other) in pairs)
    return measure(frames, segment_frames=segment_frames, style=style)


def each(change: Callable[[int, ImageU8], np.ndarray]) -> list[ImageU8]:
    """The source's frames, changed."""
    changed = [change(n, image.astype(np.float64)) for n, image in enumerate(SOURCE)]
    return [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in changed]


# --- flicker -------------------------------------------------------------------------------------


def test_the_source_itself_scores_one_in_everything() -> None:
    found = score(SOURCE)
    assert found.flicker.ratio == found.flicker.unconditioned_ratio == 1.0
    assert found.gradient_energy_ratio == found.laplacian_variance_ratio == 1.0
    assert found.flicker.output == found.flicker.source
    assert found.luminance_drift == found.contrast_drift == 0.0
    assert [frame.verdict is None for frame in found.frames] == [n == 0 for n in range(LENGTH)]
    assert 0.5 < found.flicker.counted < 1


def test_a_film_that_flickers_is_far_above() -> None:
    # ±10 code values every other frame: at each pair a difference of 20, (20/255)² = 0.0062.
    found = score(each(lambda n, image: image * 0.8 + 25 + 10 * (-1) ** n))
    assert found.flicker.output.error == pytest.approx((20 / 255) ** 2, rel=0.1)
    assert found.flicker.ratio > 20


# --- cuts ----------------------------------------------------------------------------------------


def test_nothing_is_compared_over_a_cut() -> None:
    source = [*panned(1, 4), *panned(7, 4)]
    inverted = [255 - image for image in source]
    found = score(inverted, source, cuts=[4])
    assert [frame.verdict is None for frame in found.frames] == [n in {0, 4} for n in range(8)]
    assert found.flicker.ratio == pytest.approx(1, rel=0.01)
    assert [(shot.first, shot.last) for shot in found.shots] == [(0, 3), (4, 7)]
    unknown = score(inverted, source)
    assert unknown.frames[4].verdict is not None


def test_a_film_of_one_frame_has_no_ratio() -> None:
    found = score(SOURCE[:1], SOURCE[:1])
    assert math.isnan(found.flicker.ratio)
    assert math.isnan(found.flicker.counted)
    assert math.isnan(found.seam_step)
    assert len(found.shots) == 1


# --- drift ---------------------------------------------------------------------------------------


def test_each_shot_drifts_for_itself() -> None:
    source = [np.full((HEIGHT, WIDTH, 3), value, np.uint8) for value in (90, 90, 200, 200)]
    painted = [
        np.full_like(one, value) for one, value in zip(source, (90, 90, 40, 44), strict=True)
    ]
    found = score(painted, source, cuts=[2])
    first, second = (shot.luminance_drift for shot in found.shots)
    assert first == 0.0
    looks = [frame.painted for frame in found.frames]
    assert second == pytest.approx(looks[3].luminance / looks[2].luminance - 1)
    assert found.luminance_drift == second > 0.1


# --- seams ---------------------------------------------------------------------------------------


def test_a_seam_is_more_flicker_where_segments_meet_than_inside_them() -> None:
    # Lighter from the fourth frame on, where the second segment begins.
    painted = each(lambda n, image: image * 0.8 + 25 + 8 * (n >= 4))
    assert score(painted, segment_frames=4).seam_step > 10
    assert score(painted, segment_frames=3).seam_step < 0.5
    # What the source does there too is no seam.
    assert score(painted, painted, segment_frames=4).seam_step == pytest.approx(1)


def test_segments_begin_anew_with_a_shot() -> None:
    found = score(SOURCE, cuts=[3], segment_frames=4)
    assert [frame.index for frame in found.frames if frame.begins_segment] == [7]
    assert math.isnan(score(SOURCE, cuts=[4], segment_frames=4).seam_step)


# --- style ---------------------------------------------------------------------------------------


def meter(height: int = HEIGHT, width: int = WIDTH) -> StyleMeter:
    image = to_tensor(texture(HEIGHT, WIDTH, 3))
    ready = tiny.painter(tiny.recipe(**tiny.SHALLOW), dtype=torch.float32, style=image)
    return StyleMeter(ready, width, height)


def test_the_style_image_has_no_style_loss_and_the_source_no_content_loss() -> None:
    style = [texture(HEIGHT, WIDTH, 3)] * 3
    found = score(style, SOURCE[:3], style=meter())
    assert found.style_loss == pytest.approx(0, abs=1e-6)
    assert found.content_loss > 0.01
    assert all(frame.style is not None for frame in found.frames)
    itself = score(SOURCE[:3], SOURCE[:3], style=meter())
    assert itself.content_loss == 0.0
    assert itself.style_loss > 1e-3


def test_raw_content_where_something_is_new_shows() -> None:
    # A camera that moves by four pixels a frame: what comes in at the right is left unpainted.
    whole = texture(HEIGHT, WIDTH + 4 * LENGTH, 1)
    source = [np.ascontiguousarray(whole[:, 4 * n : 4 * n + WIDTH]) for n in range(LENGTH)]
    paint = texture(HEIGHT, WIDTH + 4 * LENGTH, 3)
    painted = [np.ascontiguousarray(paint[:, 4 * n : 4 * n + WIDTH]) for n in range(LENGTH)]
    whole_paint = score(painted, source, style=meter())
    for one in painted:
        one[:, -4:] = 128
    raw = score(painted, source, style=meter())
    assert raw.style is not None
    assert whole_paint.style is not None
    # Measured: 2.2 times; and where the masks are moved to nothing has changed.
    assert raw.style.new > 1.7 * whole_paint.style.new
    assert raw.style.shifted == pytest.approx(whole_paint.style.shifted, rel=0.02)
    assert raw.new_ratio > 1.7 * whole_paint.new_ratio


def test_without_a_style_there_are_no_losses() -> None:
    found = score(SOURCE[:2], SOURCE[:2])
    assert found.style is None
    assert math.isnan(found.style_loss)
    assert math.isnan(found.new_ratio)


# --- streaming -----------------------------------------------------------------------------------


def test_frames_are_taken_one_by_one_and_progress_is_told() -> None:
    taken, told = 0, 0

    def frames() -> Iterator[Matched]:
        nonlocal taken
        for n in range(6):
            assert taken == told
            taken += 1
            yield Matched(n, n == 0, SOURCE[n], SOURCE[n])

    def measured(done: int) -> None:
        nonlocal told
        assert done == told + 1
        told = done

    measure(frames(), segment_frames=100, measured=measured)
    assert told == 6
