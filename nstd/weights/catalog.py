"""Networks by name: where they lie, which are at hand, whether they are sound."""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nstd.disks.locks import locked
from nstd.errors import BusyError, UsageError, WeightsError
from nstd.files import file_sha256
from nstd.weights.file import files_in, inspect_weights
from nstd.weights.raft import FETCH_RAFT, RAFT, find_raft, is_raft, raft_sha256, require_raft

AUTO = "auto"
VGG19 = "vgg19"
POCKET = "pocket"
FETCH_VGG19 = "`nstd weights fetch vgg19`"
_FETCHED = {VGG19: FETCH_VGG19, RAFT: FETCH_RAFT}
"""What can be fetched, and how."""

_SHIPPED = Path(__file__).resolve().parents[1] / "data"


SHIPPED_SHA256 = {POCKET: "93229ee7b6ee924abe4b0381f8c22a765fc7085f790eb6f50406a67180181b11"}
"""SHA-256 of the files that come inside the package."""


@dataclass(frozen=True, slots=True)
class ChosenNetwork:
    """The network to paint with.

    Attributes:
        name: As a recipe would name it; a path is one too.
        path: Its file.
        reason: Why `auto` took it, as a clause; empty where the recipe named it.
    """

    name: str
    path: Path
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One network, as `nstd weights list` shows it.

    Attributes:
        name: What a recipe calls it: as its network, or `raft` as its estimator of flow.
        path: Its file, if there is one.
        bytes: The file's size.
        sha256: Of the file; None unless it is present and sound.
        layers: Its convolutions in order; of a network to paint with.
        widths: The channels each of them gives.
        state: Whether it can be used.
        problem: What is wrong with it; empty unless damaged.
        remedy: How to get it, or get it again; empty if present.
    """

    name: str
    path: Path | None
    bytes: int
    sha256: str | None
    layers: tuple[str, ...]
    widths: tuple[int, ...]
    state: Literal["present", "absent", "damaged"]
    problem: str = ""
    remedy: str = ""


def choose_network(network: str, cache_dir: Path, *, gpu: bool) -> ChosenNetwork:
    """Find the network that a recipe names, or that `auto` stands for; nothing is downloaded.

    `auto` is vgg19 if its weights are at hand and painting is done on a GPU, else pocket, which
    takes a sixteenth of the arithmetic and is part of the package.

    Args:
        network: A name, a path, or `auto`.
        cache_dir: nstd's cache folder.
        gpu: Whether it is to run on a GPU.

    Raises:
        WeightsError: No network of that name is at hand, or the package is damaged.
    """
    if network != AUTO:
        return ChosenNetwork(network, find_weights(network, cache_dir))
    if not gpu:
        return ChosenNetwork(POCKET, find_weights(POCKET, cache_dir), "painting runs on the CPU")
    if not weights_path(VGG19, cache_dir).is_file():
        return ChosenNetwork(
            POCKET, find_weights(POCKET, cache_dir), "the weights of vgg19 are not here"
        )
    return ChosenNetwork(
        VGG19, find_weights(VGG19, cache_dir), "its weights are here, and there is a GPU"
    )


def find_weights(network: str, cache_dir: Path) -> Path:
    """Find the file of a network given by name or by path.

    Args:
        network: A name such as `vgg19`, or a path (anything with a separator or a suffix), which
            is given back as it is.
        cache_dir: nstd's cache folder.

    Raises:
        WeightsError: No network of that name is at hand.
    """
    if "/" in network or Path(network).suffix:
        return Path(network)
    if network in SHIPPED_SHA256 or shipped(network):
        path = _SHIPPED / f"{network}.safetensors"
        _check_shipped(network, path)
        return path
    path = weights_path(network, cache_dir)
    if path.is_file():
        return path
    if network == VGG19:
        raise WeightsError(
            "The weights of vgg19 are not here yet",
            f"{FETCH_VGG19} gets them once (575 MB, of which 52 MB are kept), "
            "or `nstd weights import FILE --name vgg19` takes a file you have",
        )
    if network == RAFT:
        raise WeightsError(
            "raft finds the flow between frames, and is no network to paint with",
            "Name it in temporal: estimator, and a network such as pocket here",
        )
    known = sorted({VGG19, *_stems(_SHIPPED), *_stems(weights_folder(cache_dir))})
    near = difflib.get_close_matches(network, known, n=1, cutoff=0.5)
    hint = f"The nearest known name is {near[0]}" if near else f"Known are {', '.join(known)}"
    raise WeightsError(
        f"There is no network called {network}", f"{hint}; a weights file's path works too"
    )


def list_weights(cache_dir: Path) -> list[WeightsEntry]:
    """List every network at hand, and vgg19 and raft whether they are or not; all are checked.

    Raises:
        StorageError: The folder cannot be read.
    """
    paths = {path.stem: path for path in _files(weights_folder(cache_dir))}
    paths.update({path.stem: path for path in _files(_SHIPPED)})
    raft = find_raft(weights_folder(cache_dir))
    if raft is not None:
        paths[RAFT] = raft
    entries = [_entry(name, path) for name, path in paths.items()]
    entries += [
        WeightsEntry(name, None, 0, None, (), (), "absent", remedy=f"{fetch} gets it")
        for name, fetch in _FETCHED.items()
        if name not in paths
    ]
    return sorted(entries, key=lambda entry: entry.name)


def verify_weights(name_or_path: str | Path, cache_dir: Path) -> WeightsEntry:
    """Check a network's file against its digest and against what a network must be.

    Raises:
        WeightsError: It is missing, damaged, or no network.
        StorageError: It cannot be read.
    """
    if name_or_path == RAFT:
        return _sound_entry(RAFT, require_raft(weights_folder(cache_dir)))
    is_path = isinstance(name_or_path, Path)
    path = Path(name_or_path) if is_path else find_weights(str(name_or_path), cache_dir)
    return _sound_entry(path.stem, path)


def weights_folder(cache_dir: Path) -> Path:
    """Name the folder where networks are kept."""
    return cache_dir / "weights"


def weights_path(name: str, cache_dir: Path) -> Path:
    """Name the file where a fetched or imported network is kept."""
    return weights_folder(cache_dir) / f"{name}.safetensors"


def shipped(name: str) -> Path | None:
    """Give the file of a network that comes inside the package, if there is one of that name."""
    return next((path for path in _files(_SHIPPED) if path.stem == name), None)


def check_name(name: str) -> None:
    """Raise `UsageError` unless `name` can be a network's name (and cannot be taken for a path)."""
    if name in {AUTO, RAFT} or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UsageError(
            f"{name!r} cannot be a network's name",
            f"Use letters, digits, hyphens and underscores, and neither {AUTO} nor {RAFT}",
        )


@contextmanager
def writing(cache_dir: Path) -> Iterator[None]:
    """Hold the folder of networks for writing; other processes that want it are told so.

    Raises:
        BusyError: Another process holds it.
        StorageError: The folder cannot be made or written.
    """
    folder = weights_folder(cache_dir)
    with locked(folder, ".lock") as mine:
        if not mine:
            raise BusyError(
                f"Another nstd is fetching or importing weights into {folder}",
                "Wait for it to end, then try again",
            )
        yield


def _check_shipped(name: str, path: Path) -> None:
    """Raise unless a file of the package is the one that belongs to this version."""
    if not path.is_file() or file_sha256(path) != SHIPPED_SHA256.get(name):
        raise WeightsError(
            f"The network {name} of this installation is damaged: {path} is not as it was shipped",
            "Install nstd again",
        )


def _entry(name: str, path: Path) -> WeightsEntry:
    """Describe a file, damaged or not."""
    try:
        return _sound_entry(name, path)
    except WeightsError as error:
        size = path.stat().st_size if path.exists() else 0
        again = "Remove it and import it again"
        if name in _FETCHED:
            again = f"{_FETCHED[name]} gets it anew"
        again = "Install nstd again" if path.parent == _SHIPPED else again
        return WeightsEntry(name, path, size, None, (), (), "damaged", error.problem, again)


def _sound_entry(name: str, path: Path) -> WeightsEntry:
    """Describe a file that loads; raise `WeightsError` if it does not."""
    if path.parent == _SHIPPED:
        _check_shipped(name, path)
    if is_raft(path):
        sha256 = raft_sha256(path)
        return WeightsEntry(name, path, path.stat().st_size, sha256, (), (), "present")
    found = inspect_weights(path)
    size = path.stat().st_size
    return WeightsEntry(name, path, size, found.sha256, found.layers, found.widths, "present")


def _files(folder: Path) -> list[Path]:
    """List the networks in a folder; none if there is no folder."""
    return [path for path in files_in(folder) if path.suffix == ".safetensors"]


def _stems(folder: Path) -> list[str]:
    """Name the networks in a folder."""
    return [path.stem for path in _files(folder)]
