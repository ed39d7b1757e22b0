"""The execution plan: what the bytes of a painted film depend on besides its recipe and source.

float32 L-BFGS is chaotic: a difference of 1e-7 moves pixels by a dozen code values after 50 steps.
So the same bytes come only from the same device kind, dtype, thread counts and versions. The
plan is frozen into the job with its first start, and changes only where a segment begins.
"""

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

from nstd.errors import LedgerError
from nstd.media.write.codecs import Encoder
from nstd.style.ladder import plan_levels
from nstd.style.recipe import StyleRecipe
from nstd.temporal.shot import STEPS_SHARE
from nstd.weights.catalog import POCKET

PACKAGES = (
    "nstd",
    "torch",
    "numpy",
    "opencv-python-headless",
    "av",
    "pillow",
    "scenedetect-headless",
)
"""Packages whose version can change the bytes."""

SHORTEST_HISTORY = 3
"""Curvature pairs below which L-BFGS is hardly better than the gradient alone."""


def installed_versions() -> dict[str, str]:
    """Versions of `PACKAGES`, as installed now."""
    return {package: version(package) for package in PACKAGES}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPlan:
    """How a film is computed.

    Attributes:
        device: "cpu", "cuda" or "mps"; which of several cards does not matter.
        processor: What kind of processor or card, and the instructions its kernels use.
        dtype: Of pixels and activations; losses are never below float32.
        threads: torch's threads on the CPU.
        history: L-BFGS curvature pairs.
        versions: Of `PACKAGES`.
        machine: The processor's architecture.
        encoder: What encodes films: "software", or "nvenc" where that was asked for and worked.
    """

    device: str
    processor: str
    dtype: str = "float32"
    threads: int = 1
    history: int = 10
    versions: dict[str, str] = field(default_factory=installed_versions)
    machine: str = field(default_factory=platform.machine)
    encoder: Encoder = "software"

    def smaller(self) -> "ExecutionPlan | None":
        """A plan with a shorter history, which takes less memory; None if it cannot be shorter."""
        if self.history > SHORTEST_HISTORY:
            return replace(self, history=max(SHORTEST_HISTORY, self.history // 2))
        return None

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values; without an encoder where it is the usual one.

        So plans of jobs that were begun when there was no other are what they were.
        """
        plan = asdict(self)
        if self.encoder == "software":
            del plan["encoder"]
        return plan

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ExecutionPlan":
        """The plan that `to_json` wrote.

        Raises:
            LedgerError: It was written by a version with other keys.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise LedgerError(
                f"The job's execution plan is not of this version: {error}",
                "Finish the job with the version that began it, or queue the film again",
            ) from error


@dataclass(frozen=True, slots=True)
class Cost:
    """What painting takes with a network.

    Attributes:
        pixel_bytes: Of memory for each painted pixel, without the optimizer's history.
        style_bytes: Of memory for each pixel at which a style image is looked at.
        core_seconds: For a step on a megapixel, on one thread of a CPU.
        gpu_seconds: Likewise on a GPU of the middle class.
    """

    pixel_bytes: int
    style_bytes: int
    core_seconds: float
    gpu_seconds: float


# Peaks of a process above what it takes for 64×64 pixels, and times of a step, of stills of 640×360
# and 1280×720 on one Zen 3 core, 14 steps of L-BFGS (`bench/cost.py`); each with a tenth more. A
# GPU of the middle class is taken to need five times what an H200 does, from counts of operations
# and bytes.
POCKET_COST = Cost(pixel_bytes=1400, style_bytes=300, core_seconds=2.5, gpu_seconds=0.025)
FULL_COST = Cost(pixel_bytes=4400, style_bytes=1200, core_seconds=22.0, gpu_seconds=0.22)
"""Of VGG-19; of a network that is not known no more is known than that it is not larger."""

BASE_BYTES = 600 << 20
"""That a worker takes before it paints: libraries, the network."""

PAIR_BYTES = 24
"""A pixel of a curvature pair: two pictures of three float32."""

TEMPORAL_BYTES = 600
"""For each pixel of a later frame besides, its flow included; measured likewise."""

EARLIER_BYTES = 100
"""For each pixel of an earlier frame that is looked at, likewise."""

PICTURE_BYTES = 3
"""A pixel of a frame that is only kept until a later one looks back at it."""

FLOW_SECONDS = 4.0
"""Of a CPU thread for the flow of a megapixel, both ways (`bench/flow_time.py`)."""

LATER_STEPS = 2
"""What a later frame takes besides its steps, in steps: warping, judging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What painting a film or picture takes, at most and about.

    Attributes:
        width: Of the painted picture, in pixels.
        height: Likewise.
        steps: For a frame that is painted for itself, over all levels.
        memory: Bytes, those for the libraries included.
        frame_seconds: For such a frame.
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
        height: Likewise.
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
        temporal = TEMPORAL_BYTES + EARLIER_BYTES * len(distances) + kept
    memory = BASE_BYTES + max(
        pixels * (cost.pixel_bytes + PAIR_BYTES * history + temporal),
        int(max(styles) * cost.style_bytes),
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


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs between two plans as `to_json` gives them, each as "name: before → after"."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new)
        elif old != new:
            found.append(f"{name}: {_said(old)} → {_said(new)}")
    return found


def _said(value: object) -> str:
    return "none" if value is None else str(value)
