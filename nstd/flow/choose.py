"""An estimator by its name in the recipe."""

from importlib.metadata import entry_points
from pathlib import Path

import torch

from nstd.errors import ConfigError
from nstd.flow.checked import Checked
from nstd.flow.dis import Dis
from nstd.flow.estimator import Estimator
from nstd.flow.raft import Raft
from nstd.weights.raft import RAFT, require_raft

DIS = "dis"
GROUP = "nstd.flow"
"""Entry points of this group are called without arguments and give an `Estimator`."""


def estimator_names() -> tuple[str, ...]:
    """The estimators that a recipe can name here."""
    own = {point.name for point in entry_points(group=GROUP)}
    return (DIS, RAFT, *sorted(own - {DIS, RAFT}))


def choose_estimator(
    name: str,
    *,
    folder: Path = Path(),
    device: torch.device | str = "cpu",
    threads: int = 1,
) -> Checked:
    """The estimator that a recipe names.

    Args:
        name: "dis", "raft", or the name of an entry point of `GROUP`.
        folder: Where networks are kept, RAFT among them.
        device: Where flows are fused, and RAFT computes.
        threads: torch's threads on the CPU, for RAFT.

    Raises:
        ConfigError: There is none of that name, or it cannot be made.
        WeightsError: RAFT's weights are missing or damaged.
    """
    return Checked(_make(name, folder, device, threads), name, device)


def _make(name: str, folder: Path, device: torch.device | str, threads: int) -> Estimator:
    if name == DIS:
        return Dis()
    if name == RAFT:
        return Raft(require_raft(folder), device, threads)
    return _of_the_users(name)


def _of_the_users(name: str) -> Estimator:
    known = ", ".join(estimator_names())
    for point in entry_points(group=GROUP, name=name):
        where = f"The flow estimator {name} ({point.value})"
        try:
            made: Estimator = point.load()()
        except Exception as error:  # a user's code, which may raise anything
            raise ConfigError(
                f"{where} cannot be made: {error}",
                f"Mend its package, or take one of these: {known}",
            ) from error
        if not callable(getattr(made, "estimate", None)):
            raise ConfigError(
                f"{where} gives a {type(made).__name__}, which has no method estimate",
                f"Mend its package, or take one of these: {known}",
            )
        return made
    raise ConfigError(f"There is no flow estimator {name}", f"Take one of these: {known}")
