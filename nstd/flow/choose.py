"""An estimator by its name in the recipe."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import torch

from nstd.errors import ConfigError, WeightsError
from nstd.flow.checked import Checked
from nstd.flow.dis import Dis
from nstd.flow.estimator import Estimator
from nstd.flow.raft import Raft, find_raft

DIS = "dis"
RAFT = "raft"
GROUP = "nstd.flow"
"""Entry points of this group are called without arguments and give an `Estimator`."""


def estimator_names() -> tuple[str, ...]:
    """The estimators that a recipe can name here."""
    own = {point.name for point in entry_points(group=GROUP)}
    return (DIS, RAFT, *sorted(own - {DIS, RAFT}))


def choose_estimator(
    name: str,
    *,
    folders: Sequence[Path] = (),
    device: torch.device | str = "cpu",
    threads: int = 1,
) -> Checked:
    """The estimator that a recipe names.

    Args:
        name: "dis", "raft", or the name of an entry point of `GROUP`.
        folders: Where RAFT's weights may lie.
        device: Where RAFT computes.
        threads: torch's threads on the CPU, for RAFT.

    Raises:
        ConfigError: There is none of that name, or it cannot be made.
        WeightsError: RAFT's weights are missing or damaged.
    """
    return Checked(_make(name, folders, device, threads), name)


def _make(
    name: str, folders: Sequence[Path], device: torch.device | str, threads: int
) -> Estimator:
    if name == DIS:
        return Dis()
    if name == RAFT:
        weights = find_raft(folders)
        if weights is None:
            places = " or ".join(str(folder) for folder in folders) or "any folder"
            raise WeightsError(
                f"There are no weights of RAFT in {places}",
                "Put torchvision's raft_large_C_T_SKHT_V2-ff5fadd5.pth there, "
                "or take the estimator dis",
            )
        return Raft(weights, device, threads)
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
