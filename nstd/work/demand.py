"""What painting takes of time and memory, checked before it begins."""

import math
from dataclasses import dataclass

from nstd.errors import DeviceMemoryError, ShortMemoryError, UnsupportedError
from nstd.files import size_text
from nstd.painting.frames import FLOW_BYTES, flow_threads
from nstd.painting.memory import Memory, memory_of
from nstd.painting.plan import ExecutionPlan
from nstd.style.ladder import SHORTEST_EDGE_PX, plan_levels
from nstd.style.recipe import StyleRecipe
from nstd.submit.limits import require_within_limits
from nstd.temporal.shot import STEPS_SHARE
from nstd.weights.catalog import POCKET
from nstd.work.film import Film


@dataclass(frozen=True, slots=True)
class Cost:
    """What painting takes with a network.

    Attributes:
        pixel_bytes: Of memory for each painted pixel, without the optimizer's history.
        style_bytes: Of memory for each pixel at which a style image is looked at.
        core_seconds: For a step on a megapixel, on one thread of a CPU.
        gpu_seconds: For a step on a megapixel, on a mid-range GPU.
    """

    pixel_bytes: int
    style_bytes: int
    core_seconds: float
    gpu_seconds: float


# Peaks of a process above what it takes for 64×64 pixels, and times of a step, of stills of 640×360
# and 1280×720 on one Zen 3 core, 14 steps of L-BFGS (`bench/cost.py`); each with a tenth more. A
# mid-range GPU is taken to need five times what an H200 does, from counts of operations and bytes.
POCKET_COST = Cost(pixel_bytes=1400, style_bytes=300, core_seconds=2.5, gpu_seconds=0.025)
FULL_COST = Cost(pixel_bytes=4400, style_bytes=1200, core_seconds=22.0, gpu_seconds=0.22)
"""Of VGG-19, and of any network that is not known: none is larger."""

BASE_BYTES = 600 << 20
"""What a worker takes before it paints anything: libraries, the network."""

PAIR_BYTES = 24
"""Of each pixel in a curvature pair of L-BFGS: two pictures of three float32."""

TEMPORAL_BYTES = 450
"""What each pixel of a later frame takes in addition, flow by one thread included; measured as the
costs are."""

EARLIER_BYTES = 100
"""What each pixel of an earlier frame that is looked at takes; measured as the costs are."""

PICTURE_BYTES = 3
"""Of each pixel of a frame that is only kept until a later one looks back at it."""

FLOW_SECONDS = 1.2
"""Of one CPU thread, for the flow of a megapixel in both directions: on the slowest clip, and a
fifth more (`bench/flow_time.py`)."""

LATER_STEPS = 2
"""What a later frame takes besides its steps, in steps: warping, judging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What painting a film or picture takes, at most and about.

    Attributes:
        width: Of the painted picture, in pixels.
        height: Of the painted picture, in pixels.
        steps: Of a frame that is painted by itself, over all levels.
        memory: Bytes, those for the libraries included.
        frame_seconds: For a frame that is painted by itself.
        seconds: For all frames.
    """

    width: int
    height: int
    steps: int
    memory: int
    frame_seconds: float
    seconds: float


def estimate(
    recipe: StyleRecipe, width: int, height: int, frames: int, plan: ExecutionPlan
) -> Estimate:
    """What painting takes; from a table, with all levels and all their steps.

    Args:
        recipe: The look, frozen or not.
        width: Of the source's frames, in pixels.
        height: Of the source's frames, in pixels.
        frames: How many are painted.
        plan: How they are computed.

    Raises:
        ConfigError: The frames are too small to be painted.
    """
    cost = POCKET_COST if recipe.network_name == POCKET else FULL_COST
    levels = plan_levels(recipe.levels, width, height, recipe.size)
    pixels = levels[-1].width * levels[-1].height
    # A style image may be square, and is computed for each level, forward only: half a step.
    styles = [(level.long_edge * style.scale) ** 2 for level in levels for style in recipe.styles]
    history = plan.history if recipe.optimizer == "lbfgs" else 1
    distances = recipe.temporal.distances
    temporal = 0
    if distances and frames > 1:
        kept = PICTURE_BYTES * min(max(distances), frames)
        flows = FLOW_BYTES * (flow_threads(plan, levels[-1].width, levels[-1].height) - 1)
        temporal = TEMPORAL_BYTES + EARLIER_BYTES * len(distances) + kept + flows
    memory = BASE_BYTES + max(
        pixels * (cost.pixel_bytes + PAIR_BYTES * history + temporal),
        int(max(styles, default=0) * cost.style_bytes),
    )
    pace = cost.core_seconds / plan.threads if plan.device == "cpu" else cost.gpu_seconds
    steps = sum(level.steps for level in levels)
    worked = sum(level.width * level.height * level.steps for level in levels)
    frame_seconds = (worked + sum(styles) / 2) / 1e6 * pace
    later = frame_seconds
    if distances:
        few = min(levels[-1].steps, math.ceil(steps / STEPS_SHARE))
        flow = FLOW_SECONDS * len(distances) / plan.threads
        later = pixels / 1e6 * ((few + math.ceil(few / 2) + LATER_STEPS) * pace + flow)
    return Estimate(
        width=levels[-1].width,
        height=levels[-1].height,
        steps=steps,
        memory=memory,
        frame_seconds=frame_seconds,
        seconds=frame_seconds + max(0, frames - 1) * later,
    )


def require_affordable(film: Film, width: int, height: int, frames: int, *, still: bool) -> None:
    """Refuse a film or picture whose painting takes too much time or memory.

    Args:
        film: The film, on its device.
        width: Of the source, in pixels.
        height: Of the source, in pixels.
        frames: How many are painted.
        still: Whether it is a picture.

    Raises:
        UnsupportedError: It is beyond a limit, or needs more memory than there is. The sentence
            says what is asked for, what there is, and what to do.
        DeviceMemoryError: It needs a smaller plan.
        ShortMemoryError: The memory is taken by others for now.
    """
    limits, recipe = film.output.limits, film.painter.recipe
    if film.output.copy:
        painted = film.painter.painted_size(width, height)
        limits.require_painted_size(film.source, *painted, still=still)
        return
    require_within_limits(film.source, recipe, limits, (width, height), still=still)
    found = estimate(recipe, width, height, frames, film.plan)
    device = film.painter.network.device
    limits.require_painting_time(
        film.source, str(device), frame_seconds=found.frame_seconds, seconds=found.seconds
    )
    memory = memory_of(device)
    if found.memory > memory.total:
        smallest = film.plan
        while (smaller := smallest.smaller()) is not None:
            smallest = smaller
        least = estimate(recipe, width, height, frames, smallest)
        if least.memory > memory.total:
            raise _too_large(film, least, memory)
        raise DeviceMemoryError(_need(film, found, f"{size_text(memory.total)} is all"))
    if found.memory > memory.free:
        raise ShortMemoryError(_need(film, found, f"{size_text(memory.free)} is free now"))


def _too_large(film: Film, least: Estimate, memory: Memory) -> UnsupportedError:
    # What is above the base grows with the square of the size.
    share = max(0, memory.total - BASE_BYTES) / (least.memory - BASE_BYTES)
    edge = math.floor(max(least.width, least.height) * math.sqrt(share))
    remedy = "Paint it on a device with more memory"
    if edge >= SHORTEST_EDGE_PX:
        remedy = f"Give its recipe a size of {edge} at most, or paint it on a device with more"
    return UnsupportedError(_need(film, least, f"{size_text(memory.total)} is all"), remedy)


def _need(film: Film, found: Estimate, there: str) -> str:
    return (
        f"Painting {film.source} at {found.width}×{found.height} pixels takes about "
        f"{size_text(found.memory)} of memory, and {there} that {film.painter.network.device} has"
    )
