"""Other projects' VGG-19 files → canonical files, without running any code they may contain."""

import errno
import logging
import pickle
import re
import struct
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from nstd.errors import StorageError, UsageError, WeightsError, from_os_error
from nstd.files import file_sha256
from nstd.weights.canonical import save_weights, tensors_digest
from nstd.weights.catalog import check_name, shipped, weights_path, writing
from nstd.weights.file import LAYERS, inspect_weights, present_layers, sniff

logger = logging.getLogger(__name__)

KeyLayout = Literal["torchvision", "gatys", "jcjohnson", "nstd"]
"""A project's conventions: names of tensors, order of channels, range and mean of the input."""

LAYOUTS: tuple[KeyLayout, ...] = get_args(KeyLayout)

Tensors = dict[str, torch.Tensor]

Normalization = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation by which a network's input, RGB in [0, 1], was normalized."""

IMAGENET: Normalization = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""torchvision's."""

DEEPEST = "conv5_1"
"""The deepest layer nstd uses; deeper ones are not kept."""

KNOWN_HASHES: dict[str, KeyLayout] = {"dcbb9e9d": "torchvision", "d01eb7cb": "jcjohnson"}
"""How the SHA-256 of well-known files begins, and which layout that proves."""

# torchvision's index of each convolution in vgg19().features: a ReLU follows each, a pool each
# block.
_FEATURES = dict(
    zip((0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), LAYERS, strict=True)
)
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)

# What torch.load raises for a file that is no sound state dict: UnpicklingError for what
# weights_only forbids, RuntimeError for damaged archives, and whatever the unpickler's stack
# machine stumbles over when it is fed arbitrary bytes.
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    SafetensorError,
    EOFError,
    struct.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
)


def import_weights(
    source: Path, cache_dir: Path, *, name: str | None = None, layout: KeyLayout | None = None
) -> Path:
    """Convert a user's own weights file into `cache_dir/weights/NAME.safetensors`.

    Args:
        source: A state dict of VGG-19's topology (`.pth`, or safetensors); any widths.
        cache_dir: nstd's cache folder.
        name: The network's name from now on; by default `vgg19` for torchvision's own file,
            otherwise the source's stem.
        layout: Whose conventions the file follows; needed unless its hash or its tensors' names
            prove it.

    Returns:
        The canonical file.

    Raises:
        WeightsError: The file is missing, damaged, not VGG-19's, of unknown layout, or the name
            belongs to another network already.
        UsageError: `name` or `layout` is impossible.
        StorageError: Something cannot be read or written.
    """
    if layout is not None and layout not in LAYOUTS:
        raise UsageError(f"There is no layout {layout}", f"The layouts are {', '.join(LAYOUTS)}")
    is_safe = sniff(source)
    digest = file_sha256(source)
    known = _known_layout(source, digest, is_safe=is_safe)
    layout = _settle_layout(source, known, layout)
    name = _default_name(source, digest) if name is None else name
    check_name(name)
    metadata = provenance(layout, source.name, digest)
    if layout == "nstd" and is_safe:
        metadata = {**_own_metadata(source), **metadata}
    tensors = canonical_tensors(read_tensors(source), layout, source)
    with writing(cache_dir):
        return store(tensors, name, cache_dir, metadata)


def store(tensors: Tensors, name: str, cache_dir: Path, metadata: Mapping[str, str]) -> Path:
    """Save a converted network under a name that no other network has; the caller holds the lock.

    Raises:
        WeightsError: The name is another network's, or the tensors are no network.
        StorageError: The file cannot be written.
    """
    if shipped(name) is not None:
        raise WeightsError(f"{name} is a network that comes with nstd", "Choose another --name")
    target = weights_path(name, cache_dir)
    existing = _existing_digest(target)
    if existing == tensors_digest(tensors, target):
        return target
    if existing is not None:
        raise WeightsError(
            f"There is another network called {name} already ({target})",
            "Choose another --name, or remove that file first",
        )
    save_weights(tensors, target, metadata)
    logger.info("stored %s (%s)", target, ", ".join(present_layers(tensors)))
    return target


def read_tensors(source: Path) -> Tensors:
    """Read the tensors of a `.pth` or safetensors file; a pickle in it may build tensors only.

    Raises:
        WeightsError: It holds anything other than tensors by name, or is damaged.
        StorageError: It cannot be read.
    """
    try:
        loaded = safetensors.torch.load_file(source) if sniff(source) else _load_pickle(source)
    except (*_UNREADABLE, OSError) as error:
        # A damaged file can make torch's reader seek before its beginning: EINVAL.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise from_os_error(error, source, "reading") from error
        raise WeightsError(
            f"{source} is no file of weights, is damaged, or holds more than tensors "
            f"({type(error).__name__}); nothing in it was executed",
            "Get the file again, or save its state_dict() alone with torch.save",
        ) from error
    if not isinstance(loaded, Mapping):
        raise WeightsError(f"{source} holds a {type(loaded).__name__}, not tensors by name")
    return {str(key): value for key, value in loaded.items() if _is_plain(value)}


def canonical_tensors(
    tensors: Mapping[str, torch.Tensor],
    layout: KeyLayout,
    source: Path,
    normalization: Normalization = IMAGENET,
) -> Tensors:
    """Rename a layout's tensors, cut the network behind `DEEPEST`, and fold its input's range in.

    Args:
        tensors: As read from the file.
        layout: Whose conventions they follow.
        source: The file, for messages.
        normalization: For layout `torchvision`.

    Raises:
        WeightsError: They are not that layout's, or not VGG-19's.
    """
    if layout == "nstd":
        return {name: tensor for name, tensor in tensors.items() if _is_kept(name)}
    rename = _from_gatys if layout == "gatys" else _from_features
    canonical = _renamed(tensors, rename, layout, source)
    mean, std = normalization
    preprocess = _rgb_input(mean, std) if layout == "torchvision" else _caffe_input()
    return {**preprocess, **canonical}


def provenance(
    layout: KeyLayout, origin: str, sha256: str, normalization: Normalization = IMAGENET
) -> dict[str, str]:
    """Say in a canonical file's metadata where its weights come from."""
    metadata = {"layout": layout, "imported_from": origin, "source_sha256": sha256}
    if layout == "torchvision":
        mean, std = normalization
        metadata["normalization"] = f"(RGB in [0, 1] - {list(mean)}) / {list(std)}"
    elif layout in {"gatys", "jcjohnson"}:
        metadata["normalization"] = f"BGR in [0, 255] - {list(_CAFFE_MEAN_BGR)}"
    return metadata


def _load_pickle(source: Path) -> object:
    """Load with torch's restricted unpickler, mapped into memory where the format allows."""
    # Files of torch < 1.6 (torchvision's VGG-19 among them) are no zip archives, and torch.load
    # refuses mmap for them.
    with source.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    with warnings.catch_warnings():
        # torch warns of odd files; the error that follows says enough.
        warnings.simplefilter("ignore", UserWarning)
        loaded: object = torch.load(source, map_location="cpu", weights_only=True, mmap=is_zip)
    return loaded


def _is_plain(value: object) -> bool:
    """Tell dense tensors in this machine's memory from everything else a state dict may hold."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def _known_layout(source: Path, digest: str, *, is_safe: bool) -> KeyLayout | None:
    """Give the layout that a file's hash, or nstd's own names in it, prove."""
    for prefix, layout in KNOWN_HASHES.items():
        if digest.startswith(prefix):
            return layout
    if not is_safe:
        return None
    try:
        with safe_open(source, "pt") as file:
            return "nstd" if "preprocess.weight" in file.keys() else None  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise WeightsError(f"{source} is damaged: {error}") from error
    except OSError as error:
        raise from_os_error(error, source, "reading") from error


def _settle_layout(source: Path, known: KeyLayout | None, said: KeyLayout | None) -> KeyLayout:
    """Combine what the file proves and what the user says."""
    if known is not None and said is not None and known != said:
        raise WeightsError(
            f"{source} is a known file of layout {known}, not {said}", "Leave --layout away"
        )
    layout = known if said is None else said
    if layout is not None:
        return layout
    hints = [text for prefix, text in KNOWN_HASHES.items() if prefix in source.name]
    guess = f" (by its file name perhaps {hints[0]}, saved anew)" if hints else ""
    raise WeightsError(
        f"{source} is no file nstd knows by its hash{guess}, and files whose tensors have the same "
        "names can differ in the order of channels, the range and the mean they expect",
        f"Say whose conventions it follows with --layout: {', '.join(LAYOUTS)}",
    )


def _own_metadata(source: Path) -> dict[str, str]:
    """Keep what a canonical file already says about its origin."""
    with safe_open(source, "pt") as file:
        return dict(file.metadata() or {})


def _default_name(source: Path, digest: str) -> str:
    """Derive a network's name from its file."""
    if any(digest.startswith(p) and kind == "torchvision" for p, kind in KNOWN_HASHES.items()):
        return "vgg19"
    return re.sub(r"[^A-Za-z0-9_-]+", "-", source.stem).strip("-_") or "network"


def _existing_digest(target: Path) -> str | None:
    """Give the digest of the network at `target`; None where there is none worth keeping."""
    if not target.exists():
        return None
    try:
        return inspect_weights(target).digest
    except StorageError:
        raise
    except WeightsError as error:
        logger.warning("replacing %s: %s", target, error.problem)
        return None


def _is_kept(name: str) -> bool:
    """Tell whether a canonical tensor belongs to a layer up to `DEEPEST`."""
    layer = name.removeprefix("readout.").split(".")[0]
    return layer not in LAYERS[LAYERS.index(DEEPEST) + 1 :]


def _from_features(key: str) -> str | None:
    """Translate torchvision's `features.N.weight`; '' for what is no convolution of VGG-19."""
    match = re.fullmatch(r"features\.(\d+)\.(\w+)", key)
    if match is None:
        return None
    layer = _FEATURES.get(int(match[1]))
    return f"{layer}.{match[2]}" if layer and match[2] in {"weight", "bias"} else ""


def _from_gatys(key: str) -> str | None:
    """Translate Gatys' `convB_I.weight`, which are nstd's names; '' for one VGG-19 lacks."""
    match = re.fullmatch(r"(conv\d+_\d+)\.(weight|bias)", key)
    if match is None:
        return None
    return key if match[1] in LAYERS else ""


def _renamed(
    tensors: Mapping[str, torch.Tensor],
    rename: Callable[[str], str | None],
    layout: KeyLayout,
    source: Path,
) -> Tensors:
    """Rename and copy the tensors of the layers that are kept (copied: no storage is shared)."""
    names = {key: rename(key) for key in tensors}
    strange = sorted(key for key, name in names.items() if name == "")
    if strange:
        raise WeightsError(
            f"{source}: {strange[0]} is no convolution of VGG-19",
            "Use VGG-19 without batch normalization; VGG-16 and others have other layers",
        )
    canonical = {
        name: tensors[key].detach().contiguous().clone()
        for key, name in names.items()
        if name and _is_kept(name)
    }
    if not canonical:
        found = ", ".join(sorted(tensors)[:3]) or "none"
        raise WeightsError(
            f"{source} has no tensors with the names of layout {layout} (it has: {found})",
            "Give the --layout that it follows",
        )
    return canonical


def _rgb_input(mean: Sequence[float], std: Sequence[float]) -> Tensors:
    """Fold `(rgb − mean) / std` into a 1×1 convolution."""
    deviation = torch.tensor(std, dtype=torch.float64)
    return _as_convolution(
        torch.diag(1 / deviation), -torch.tensor(mean, dtype=torch.float64) / deviation
    )


def _caffe_input() -> Tensors:
    """Fold `255 · bgr − mean`, the convention of Caffe's VGG, into a 1×1 convolution."""
    swap = torch.eye(3, dtype=torch.float64).flip(0)
    return _as_convolution(255 * swap, -torch.tensor(_CAFFE_MEAN_BGR, dtype=torch.float64))


def _as_convolution(matrix: torch.Tensor, offset: torch.Tensor) -> Tensors:
    """Name a color matrix and its offset as the canonical file does."""
    return {
        "preprocess.weight": matrix.float().reshape(3, 3, 1, 1).contiguous(),
        "preprocess.bias": offset.float(),
    }
