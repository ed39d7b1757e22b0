"""torchvision's RAFT as it lies in the folder of networks: the file that torchvision offers."""

import re
from pathlib import Path

from nstd.errors import WeightsError
from nstd.files import file_sha256
from nstd.weights.file import files_in

RAFT = "raft"
"""Finds the flow between frames; it is no network to paint with."""

FETCH_RAFT = f"`nstd weights fetch {RAFT}`"

RAFT_STEM = "raft_large_C_T_SKHT_V2"
"""The one that is fetched: trained on the most kinds of pictures."""

RAFT_SHA256_PREFIX = "ff5fadd5"
"""How the SHA-256 of that file begins, by its name at torchvision."""

RAFT_URL = f"https://download.pytorch.org/models/{RAFT_STEM}-{RAFT_SHA256_PREFIX}.pth"

_FILE = re.compile(r"raft_(?:large|small)_\w+-(?P<digest>[0-9a-f]{8})\.pth")
"""torchvision's names: what it is, what it was trained on, and how its SHA-256 begins."""

_PREFERRED = (RAFT_STEM, "raft_large_C_T_SKHT_K_V2", "raft_large", "raft_small")


def raft_path(folder: Path, sha256_prefix: str = RAFT_SHA256_PREFIX) -> Path:
    """Name the file in `folder` that a fetched RAFT is kept in."""
    return folder / f"{RAFT_STEM}-{sha256_prefix}.pth"


def is_raft(path: Path) -> bool:
    """Tell by its name whether a file is to be torchvision's RAFT, large or small."""
    return _FILE.fullmatch(path.name) is not None


def find_raft(folder: Path) -> Path | None:
    """The best RAFT in `folder`, by torchvision's names; None if there is none.

    Raises:
        StorageError: The folder cannot be read.
    """

    def rank(path: Path) -> int:
        return next(n for n, name in enumerate(_PREFERRED) if path.name.startswith(name))

    return min(filter(is_raft, files_in(folder)), key=rank, default=None)


def require_raft(folder: Path) -> Path:
    """The best RAFT in `folder`, by torchvision's names.

    Raises:
        WeightsError: There is none.
        StorageError: The folder cannot be read.
    """
    found = find_raft(folder)
    if found is None:
        raise WeightsError(
            f"There are no weights of RAFT in {folder}",
            f"{FETCH_RAFT} gets them (20 MB), or take the estimator dis",
        )
    return found


def raft_sha256(path: Path) -> str:
    """The SHA-256 of a file of RAFT, which its name must tell the beginning of.

    Raises:
        WeightsError: It is another's, or is not named as torchvision names it.
        InputError: There is no such file.
        StorageError: It cannot be read.
    """
    digest = file_sha256(path)
    named = _FILE.fullmatch(path.name)
    if named is None or not digest.startswith(named["digest"]):
        raise WeightsError(
            f"{path} is damaged, or no weights of RAFT: its SHA-256 begins with {digest[:8]}",
            f"{FETCH_RAFT} gets them anew",
        )
    return digest
