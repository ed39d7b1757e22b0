"""Light, contrast and sharpness of a shot's frames, held to those of its first painted frame.

A style's statistics leave all three open. Each frame changes them by less than a step of 8 bits,
but over a long shot that adds up, although each frame is tied to the one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nstd.style.canvas import ImageTensor, square_means
from nstd.style.losses import total_variation_loss
from nstd.temporal.palette import Palette, palette_of

Statistics = Float[Tensor, " 5"]
"""Mean linear red, green and blue; standard deviation of the luminance; gradient energy."""

LUMA = (0.2126, 0.7152, 0.0722)
"""Of linear red, green and blue (BT.709)."""

SHARES = (0.3, 0.3, 0.3, 0.3, 0.8)
"""For each statistic, the share of its error that is corrected in one frame."""

AT_MOST = (0.01, 0.01, 0.01, 0.01, 0.06)
"""The most that a statistic is corrected by in one frame, as a share of it: a step of 8 bits at
middle gray. Drift is slower than that; what is faster, as a flash, is the source's."""

TOLERANCES = (0.04, 0.02)
"""Contrast and sharpness may be off by this share: what a frame shows changes them by more."""

BLOCK_PX = 16.0
"""Edge of the squares over which light is averaged to tell how far paint follows its source."""

NOTHING = 1e-5
"""Smaller statistics are not held, such as the contrast of a picture of one color."""

EVEN = 0.01
"""If the source's light varies less over its blocks (standard deviation), they tell nothing."""

OTHER_SCENE = 2.0
"""If the source's light has changed by this factor since the shot's first frame, as in a fade from
black, it is no longer held to that frame."""

ALIKE = 0.01
"""Relative tolerance of the pseudoinverse: combinations of statistics that all changes together
hardly move are left alone."""

MOST_OF_A_CHANGE = 0.05
"""The most that gain, detail and color are changed by in one frame; it matters where these changes
are nearly the same, and would work against each other."""


@dataclass(frozen=True, slots=True)
class Tone:
    """What a shot's first frame made of its source.

    Attributes:
        light: Mean linear red, green and blue of the painted frame, in [0, 1].
        contrast: Standard deviation of its luminance.
        sharpness: Its gradient energy: mean squared difference of neighbors.
        source_light: `light` of the source, at the painted size.
        source_contrast: `contrast` of the source, at the painted size.
        source_sharpness: `sharpness` of the source, at the painted size.
        follows: For each color, 0…1, how much lighter a place is painted if its source is lighter
            by 1. The whole picture takes on this share of its source's changes.
        palette: Which color of the source became which.
    """

    light: tuple[float, ...]
    contrast: float
    sharpness: float
    source_light: tuple[float, ...]
    source_contrast: float
    source_sharpness: float
    follows: tuple[float, ...]
    palette: Palette

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Tone":
        """The tone that `dataclasses.asdict` and JSON turned into `values`."""
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**(given | {"palette": Palette.of(values["palette"])}))


def tone_of(painted: ImageTensor, source: ImageTensor) -> Tone:
    """The tone of a shot whose first frame was painted so, both pictures in [0, 1] and sRGB."""
    images = [_exact(image) for image in (painted, source)]
    lights = [linear_light(image) for image in images]
    own, other = (_statistics(*both).tolist() for both in zip(images, lights, strict=True))
    paint, shown = (_blocks(light) for light in lights)
    covariance, variance = (paint * shown).mean(dim=1), shown.square().mean(dim=1)
    # An even source tells nothing: then paint may change as far as its source does.
    slopes = torch.where(variance > EVEN**2, covariance / variance.clamp(min=EVEN**2), 1)
    limits = [mine / max(its, NOTHING) for mine, its in zip(own[:3], other[:3], strict=True)]
    follows = [
        min(max(by, 0.0), most, 1.0) for by, most in zip(slopes.tolist(), limits, strict=True)
    ]
    return Tone(
        light=tuple(own[:3]),
        contrast=own[3],
        sharpness=own[4],
        source_light=tuple(other[:3]),
        source_contrast=other[3],
        source_sharpness=other[4],
        follows=tuple(follows),
        palette=palette_of(painted, source),
    )


def hold_tone(painted: ImageTensor, source: ImageTensor, begin: Tone) -> ImageTensor:
    """`painted`, a little nearer to the tone of the shot's first frame where it has drifted away.

    The whole picture gets a gain, an offset of each color, and a little more or less detail: the
    five amounts that together change the five statistics as wanted, to first order.

    Args:
        painted: In [0, 1].
        source: Of the frame, at the painted size.
        begin: Of the shot.
    """
    image, shown = _exact(painted), _exact(source)
    light = linear_light(image)
    now = _statistics(image, light)
    most, shares = now * now.new_tensor(AT_MOST), now.new_tensor(SHARES)
    off = _wanted(now, _statistics(shown, linear_light(shown)), begin) - now
    by = (shares * off).clamp(-most, most)
    if not bool(by.any() and by.isfinite().all()):
        return painted
    changes = (image - image.mean(), _detail(image))
    effects = _effects(image, light, changes)
    # As shares of the statistics, so that the pseudoinverse leaves out what is singular.
    there = (now > NOTHING)[:, None]
    effects = torch.where(there, effects / now.clamp(min=NOTHING)[:, None], 0)
    # On the CPU, since not every device has a decomposition, or float64.
    inverse = torch.linalg.pinv(effects.cpu().double(), rtol=ALIKE)
    amounts: Tensor = inverse @ (by / now.clamp(min=NOTHING)).cpu().double()
    amounts = amounts.clamp(-MOST_OF_A_CHANGE, MOST_OF_A_CHANGE).to(image)
    for change, amount in zip(changes, amounts[:2], strict=True):
        image = image + amount * change
    return (image + amounts[2:, None, None]).clamp(0, 1).to(painted.dtype)


def linear_light(image: ImageTensor) -> ImageTensor:
    """Linear light of sRGB in [0, 1] (IEC 61966-2-1)."""
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def relative_luminance(linear: ImageTensor) -> Float[Tensor, "1 height width"]:
    """Y of linear light (BT.709)."""
    return (linear * linear.new_tensor(LUMA)[:, None, None]).sum(dim=1)


def _exact(image: ImageTensor) -> ImageTensor:
    return image.to(torch.promote_types(image.dtype, torch.float32))


def _wanted(now: Statistics, source: Statistics, begin: Tone) -> Statistics:
    """What the frame should have: light exactly, the others within what its source explains.

    Light is held while the source's is comparable with the first frame's.
    """
    first = source.new_tensor((*begin.light, begin.contrast, begin.sharpness))
    shown = source.new_tensor((*begin.source_light, begin.source_contrast, begin.source_sharpness))
    light = first[:3] + source.new_tensor(begin.follows) * (source[:3] - shown[:3])
    ratio = source[:3].sum() / shown[:3].sum().clamp(min=NOTHING)
    comparable = (ratio < OTHER_SCENE) & (ratio > 1 / OTHER_SCENE)
    light = torch.where(comparable, light.clamp(0, 1), now[:3])
    followed = first[3:] * source[3:] / shown[3:].clamp(min=NOTHING)
    low, high = torch.minimum(first[3:], followed), torch.maximum(first[3:], followed)
    tolerances = source.new_tensor(TOLERANCES)
    rest = now[3:].clamp((1 - tolerances) * low, (1 + tolerances) * high)
    return torch.cat([light, rest])


def _statistics(image: ImageTensor, linear: ImageTensor) -> Statistics:
    spread = relative_luminance(linear).std(correction=0)
    light = linear.mean(dim=(0, 2, 3))
    return torch.cat([light, spread[None], total_variation_loss(image)])


def _detail(image: ImageTensor) -> ImageTensor:
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    return image - F.avg_pool2d(padded, 3, stride=1)


def _effects(
    image: ImageTensor, linear: ImageTensor, changes: Sequence[ImageTensor]
) -> Float[Tensor, "statistics amounts"]:
    """How fast each statistic grows with each of the changes, and with each color.

    Gradient energy E is quadratic: its derivative along d is (E(x + d) − E(x − d)) / 2, exactly.
    """
    # d/dx ((x + a) / b)^2.4 = 2.4 ((x + a) / b)^2.4 / (x + a)
    curve = 2.4 * linear / (image + 0.055)
    slope = torch.where(image <= 0.04045, torch.full_like(image, 1 / 12.92), curve)
    luminance = relative_luminance(linear)
    beside = (luminance - luminance.mean()) / luminance.std(correction=0).clamp(min=NOTHING)
    columns = []
    for change in changes:
        brighter = slope * change
        spread = (beside * relative_luminance(brighter)).mean()
        energy = (total_variation_loss(image + change) - total_variation_loss(image - change)) / 2
        columns.append(torch.cat([brighter.mean(dim=(0, 2, 3)), spread[None], energy]))
    spreads = (beside[:, None] * slope).mean(dim=(0, 2, 3)) * slope.new_tensor(LUMA)
    colors = torch.cat([slope.mean(dim=(0, 2, 3)).diag(), spreads[None], spreads.new_zeros(1, 3)])
    return torch.cat([torch.stack(columns, dim=1), colors], dim=1)


def _blocks(linear: ImageTensor) -> Float[Tensor, "3 blocks"]:
    """Means over squares of `BLOCK_PX`, less the mean of all."""
    means = square_means(linear, BLOCK_PX)[0].flatten(1)
    return means - means.mean(dim=1, keepdim=True)
