"""Later frames of a shot: painted from the warped earlier ones, with what is new made to fit.

[Ruder] as in `nstd.temporal.warp`. A later frame is painted at the finest level alone: coarser
levels make the look, which the warped frame has already.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nstd.flow.estimator import Flow
from nstd.style.canvas import ImageTensor, OtherSize, resize
from nstd.style.optimize import Iterate, Painter, Settling, level_objective, minimize
from nstd.style.terms import Losses
from nstd.temporal.palette import Palette
from nstd.temporal.terms import TemporalLoss, TemporalTarget, Trust
from nstd.temporal.trust import flow_consistency, leaves_frame, long_term_trust, photo_consistency
from nstd.temporal.warp import initial_image, warp_sharp

STEPS_SHARE = 6
"""A later frame takes at most a sixth of the first frame's steps, and half as many more if
something in it is new."""

NEW_SHARE = 0.005
"""If a smaller share of the frame is new, it takes no more steps for it."""

KNOWN_STEP = 0.3
"""How far a step moves known places, relative to new ones. The style loss is that of the whole
frame, so new places are made to fit it before known ones are changed: with equal steps two clips
flicker by 14 and 56 % more. New places are not painted alone, since they would have to make up for
all of the frame."""

NOTHING = 1e-6
"""Share of a place's surroundings below which nothing of them is known."""

SETTLED_FALL, SETTLED_STEPS = 0.02, 4
"""A later frame ends when its loss fell by less than this share over so many steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Predecessor:
    """An earlier painted frame of the shot, and how the source moved since.

    Attributes:
        painted: As written: 8 bits a color, in [0, 1], at the painted size.
        backward: From the frame to be painted into this one.
        forward: From this one into the frame to be painted.
        sources: The sources of this frame and of the frame to be painted, scaled in the same way to
            the painted size.
        same: Whether both frames have the same source, to the bit.
    """

    painted: ImageTensor
    backward: Flow
    forward: Flow
    sources: tuple[ImageTensor, ImageTensor]
    same: bool = False


def stylize_next(
    painter: Painter,
    frame: ImageTensor,
    predecessors: Sequence[Predecessor],
    energies: Sequence[float],
    settled: float = 0.0,
    palette: Palette | None = None,
) -> Iterator[Iterate]:
    """Paint a later frame of a shot from earlier ones; yields as `stylize_frame` does.

    It ends when its loss has almost stopped falling. A frame that starts as good as those before it
    takes one step. A frame with the same source as the closest predecessor is that predecessor's
    painted frame, and takes no step.

    Args:
        painter: The recipe, on its device.
        frame: `[1, 3, height, width]`, sRGB in [0, 1], on any device.
        predecessors: At the recipe's distances, the closest first; at least one.
        energies: `Painter.content_energies` of the shot.
        settled: Loss at which the frame ends, since it is as good as those before it; see
            `settled_loss`. With 0 it takes all its steps.
        palette: The shot's: what is new takes its colors, and the whole is held to them. None: what
            is new takes the colors of the paint around.
    """
    network = painter.network
    frame = frame.to(network.device, network.dtype)
    levels = painter.levels(frame.shape[3], frame.shape[2])
    content = resize(frame, levels[-1].width, levels[-1].height)
    target = temporal_target(predecessors, content)
    alone = level_objective(painter, levels[-1], content, energies[-1])
    temporal = TemporalLoss(painter.recipe, target)
    objective = replace(alone, terms=(*alone.terms, temporal))
    few, new = later_steps([one.steps for one in levels], target.trust)
    here = (len(levels) - 1, len(levels))
    image, taken = predecessors[0].painted.to(content), 0
    if predecessors[0].same:
        few = new = 0
    else:
        image = start_image(content, target, palette)
    falling = Settling(SETTLED_FALL if settled else 0.0, SETTLED_STEPS)
    # In the pixels' own metric: broad changes of known places had better not come first.
    share = _shares(target.trust, image.dtype)
    for step in minimize(painter, objective, image, few + new, share):
        image, taken = step.image, step.number
        yield Iterate(*here, taken, few + new, step.losses, image)
        settles = falling.after(float(step.losses.total))
        settles |= _without_temporal(painter, step.losses) <= settled
        # The whole frame may be good enough while what is new is still raw.
        if settles and taken >= new:
            break
    result = image.clamp(0, 1)
    if few and palette is not None:
        result = palette.hold(result, content)
    with torch.no_grad():
        found = objective(result)
    yield Iterate(*here, taken, few + new, found, result, final=True)


def losses_of(
    painter: Painter, frame: ImageTensor, painted: OtherSize, energies: Sequence[float]
) -> Losses:
    """The losses of a painted frame at the finest level, without the temporal one.

    Args:
        painter: The recipe, on its device.
        frame: What was painted, `[1, 3, height, width]`, sRGB in [0, 1], on any device.
        painted: The result, at the painted size, sRGB in [0, 1], on any device.
        energies: `Painter.content_energies` of the shot.
    """
    network = painter.network
    frame = frame.to(network.device, network.dtype)
    level = painter.levels(frame.shape[3], frame.shape[2])[-1]
    content = resize(frame, level.width, level.height)
    with torch.no_grad():
        return level_objective(painter, level, content, energies[-1])(painted.to(content))


def settled_loss(painter: Painter, losses: Losses) -> float:
    """The loss at which `stylize_next` ends a frame, by those of the shot's first painted frame."""
    loss = (1 + painter.recipe.temporal.settled) * _without_temporal(painter, losses)
    return min(loss, sys.float_info.max)  # JSON knows no infinity


def temporal_target(predecessors: Sequence[Predecessor], like: ImageTensor) -> TemporalTarget:
    """The predecessors warped to the frame, and how far each is to be believed."""
    device, dtype = like.device, torch.promote_types(like.dtype, torch.float32)
    warped, trusts = [], []
    for one in predecessors:
        moving = (one.painted, *one.sources, one.backward, one.forward)
        painted, earlier, later, backward, forward = (part.to(device, dtype) for part in moving)
        # Both in one go: the kernel's weights are most of the work.
        both = warp_sharp(torch.cat([painted, earlier], dim=1), backward)
        alike = photo_consistency(both[:, 3:], later) * ~leaves_frame(backward)
        warped.append(both[:, :3].clamp(0, 1))
        trusts.append(torch.maximum(flow_consistency(backward, forward), alike))
    return TemporalTarget(torch.stack(warped), torch.stack(long_term_trust(trusts)))


def start_image(
    content: ImageTensor, target: TemporalTarget, palette: Palette | None = None
) -> ImageTensor:
    """The warped frames where they are trusted; elsewhere the content in the shot's own colors.

    New places start from the content, in the colors that the shot's first frame gave to similar
    colors. Where it had none, they change their color as the paint around changed its own. Raw
    content would remain as bright holes, since there are few steps.

    Args:
        content: At the painted size, in [0, 1].
        target: Warped frames, and how far each is trusted.
        palette: Of the shot; None: new places change as the paint around does.
    """
    exact = content.to(target.warped.dtype)
    known = target.trust.clamp(max=1)[:, None]
    guess = initial_image(exact, target.warped, target.trusts)
    change = _spread(guess - exact, known)
    if palette is not None:
        own, alike = palette.change(exact)
        change = own + (1 - alike) * change
    moved = (exact + change).clamp(0, 1)
    return initial_image(moved, target.warped, target.trusts).to(content.dtype)


def later_steps(first: Sequence[int], known: Trust) -> tuple[int, int]:
    """The most steps of a later frame: for all of it, and in addition for what is new.

    Args:
        first: The first frame's, at each level.
        known: Σ c_j of the later frame.
    """
    few = min(first[-1], math.ceil(sum(first) / STEPS_SHARE))
    new = float(1 - known.clamp(0, 1).mean())
    return few, math.ceil(few / 2) if new > NEW_SHARE else 0


def _shares(known: Trust, dtype: torch.dtype) -> Float[Tensor, "1 1 height width"]:
    """How far a step moves each place: what is new by 1, what is known by `KNOWN_STEP`."""
    return KNOWN_STEP + (1 - KNOWN_STEP) * (1 - known.clamp(0, 1).to(dtype)[:, None])


def _without_temporal(painter: Painter, losses: Losses) -> float:
    temporal = losses.terms.get(TemporalLoss.name)
    if temporal is None:
        return float(losses.total)
    return float(losses.total - painter.recipe.temporal.weight * temporal)


def _spread(values: ImageTensor, weights: Float[Tensor, "1 1 height width"]) -> ImageTensor:
    """`values` where their weight is 1; the smaller the weight, the more of the values around.

    Weighted means are pushed up a pyramid and pulled down again (Gortler et al., "The lumigraph",
    1996).
    """
    height, width = values.shape[2:]
    if max(height, width) <= 1:
        return values
    weighed = F.avg_pool2d(values * weights, 2, ceil_mode=True, count_include_pad=False)
    mass = F.avg_pool2d(weights, 2, ceil_mode=True, count_include_pad=False)
    means = weighed / mass.clamp(min=NOTHING)
    coarse = _spread(means, (4 * mass).clamp(max=1))
    around = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return weights * values + (1 - weights) * around
