"""The execution plan: what the bytes of a painted film depend on besides its recipe and source.

float32 L-BFGS is chaotic: a difference of 1e-7 moves pixels by a dozen code values after 50 steps.
So the same bytes come only from the same device kind, dtype, thread counts and versions. The
plan is frozen into the job with its first start, and changes only where a segment begins.
"""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

from nstd.errors import LedgerError
from nstd.media.write.codecs import EncoderKind

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
    encoder: EncoderKind = "software"

    def smaller(self) -> "ExecutionPlan | None":
        """A plan with a shorter history, which takes less memory; None if it cannot be shorter."""
        if self.history > SHORTEST_HISTORY:
            return replace(self, history=max(SHORTEST_HISTORY, self.history // 2))
        return None

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values; without `encoder` if it is software.

        So plans of jobs stay as they are that were begun when there was no other encoder.
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
