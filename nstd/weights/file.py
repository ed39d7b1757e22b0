"""The canonical weights file, checked without torch: one safetensors file a network.

| tensor                        | shape               | meaning                                    |
|-------------------------------|---------------------|--------------------------------------------|
| `preprocess.{weight,bias}`    | 3×3×1×1, 3          | RGB in [0, 1] → the network's input        |
| `convB_I.{weight,bias}`       | out×in×3×3, out     | VGG-19's convolutions, in its order        |
| `readout.convB_I.{weight,…}`  | any×width×1×1, any  | optional: a full network's activations     |
| `metric.convB_I.factor`       | any×(width + 1)     | instead of a readout: R of [A, b] = QR     |
| `metric.convB_I.width`        | one integer         | with it: the full network's channels       |

A file may end at any convolution and have any widths, so long as each takes what the one before
it gives. The metadata holds where the weights come from and the digest of all tensors, so that one
atomic replacement publishes weights and checksum together.

A process that only queues films checks the network here: torch would take half a gigabyte.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np

from nstd.errors import WeightsError, from_os_error

_BLOCKS = (2, 2, 4, 4, 4)

LAYERS: tuple[str, ...] = tuple(
    f"conv{block}_{index}"
    for block, count in enumerate(_BLOCKS, start=1)
    for index in range(1, count + 1)
)
"""VGG-19's sixteen convolutions in order, from `conv1_1` to `conv5_4`."""

_LAYER = rf"(?:{'|'.join(LAYERS)})"
_NAME = re.compile(
    rf"(?:preprocess|(?:readout\.)?{_LAYER})\.(?:weight|bias)|metric\.{_LAYER}\.(?:factor|width)"
)
_PICKLE_SUFFIXES = {".pth", ".pt", ".bin", ".ckpt", ".pkl"}
_SNIFFED = 9


@dataclass(frozen=True, slots=True)
class _Type:
    """A number type: torch's name for it, which is in the digest, and the bytes of one number."""

    name: str
    size: int


_FLOATS = {
    "F16": _Type("torch.float16", 2),
    "BF16": _Type("torch.bfloat16", 2),
    "F32": _Type("torch.float32", 4),
    "F64": _Type("torch.float64", 8),
}
_INTEGERS = {"I32": _Type("torch.int32", 4), "I64": _Type("torch.int64", 8)}
_TYPES = _FLOATS | _INTEGERS
_BFLOAT16_EXPONENT = 0x7F80


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """What is known of a sound network's file without loading it.

    Attributes:
        path: The file.
        sha256: Of the whole file: what cached results that depend on the weights are keyed by.
        digest: Over names, types, shapes and values of all tensors.
        layers: Its convolutions in order.
        widths: The channels each of them gives.
        metadata: Provenance: `layout`, `imported_from`, `source_sha256`, `normalization`, ….
    """

    path: Path
    sha256: str
    digest: str
    layers: tuple[str, ...]
    widths: tuple[int, ...]
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Tensor:
    """One entry of the header: the type as the file calls it, the shape, where its bytes lie."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


def inspect_weights(path: Path) -> WeightsFile:
    """Check everything of a canonical file that a network will rely on.

    Raises:
        WeightsError: It is missing, not safetensors, damaged, or no network of nstd's.
        StorageError: It is there but cannot be read.
    """
    require_safetensors(path)
    try:
        with path.open("rb") as file:
            return inspect_content(file, path)
    except OSError as error:
        raise from_os_error(error, path, "reading") from error


def inspect_content(file: BufferedIOBase, origin: Path) -> WeightsFile:
    """Check what an open file holds, reading one tensor at a time.

    Args:
        file: A file, or what acts like one.
        origin: Its name, for messages.

    Raises:
        WeightsError: It is damaged, or no network of nstd's.
    """
    metadata, tensors = _header(file, origin)
    strange = sorted(name for name in tensors if not _NAME.fullmatch(name))
    if strange:
        raise WeightsError(
            f"{origin} holds tensors that are no part of nstd's networks: {_some(strange)}",
            "If it is another project's file, use `nstd weights import` with its --layout",
        )
    _check_shape(tensors, "preprocess.weight", (3, 3, 1, 1), origin)
    _check_shape(tensors, "preprocess.bias", (3,), origin)
    _check_chain(tensors, origin)
    _check_readouts(tensors, origin)
    _check_metrics(tensors, origin)
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        _check_type(name, tensor, origin)
        file.seek(tensor.begin)
        values = file.read(tensor.end - tensor.begin)
        _check_values(name, tensor, values, origin)
        digest.update(f"{name} {_TYPES[tensor.kind].name} {tensor.shape}\n".encode())
        digest.update(values)
    if metadata.get("digest") not in {None, digest.hexdigest()}:
        raise WeightsError(
            f"{origin} is damaged: its tensors are not those it was written with",
            "Remove it, then fetch or import it again",
        )
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    layers = present_layers(tensors)
    widths = tuple(tensors[f"{layer}.weight"].shape[0] for layer in layers)
    return WeightsFile(origin, sha256, digest.hexdigest(), layers, widths, metadata)


def require_safetensors(path: Path) -> None:
    """Raise `WeightsError` unless a file claims to be safetensors."""
    if sniff(path):
        return
    if path.suffix.lower() in _PICKLE_SUFFIXES:
        raise WeightsError(
            f"{path} is a PyTorch file, which nstd does not load directly",
            f"Convert it once with `nstd weights import {path}`",
        )
    raise WeightsError(f"{path} is not a safetensors file, or is cut off")


def is_safetensors(head: bytes, size: int) -> bool:
    """Tell by its first nine bytes and its size whether a file claims to be safetensors."""
    length = int.from_bytes(head[:8], "little")
    return len(head) >= _SNIFFED and head[8:9] == b"{" and 8 + length <= size


def sniff(path: Path) -> bool:
    """Tell whether a file claims to be safetensors.

    Raises:
        WeightsError: There is no such file.
        StorageError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return is_safetensors(file.read(_SNIFFED), path.stat().st_size)
    except FileNotFoundError as error:
        raise WeightsError(f"There are no weights at {path}") from error
    except OSError as error:
        raise from_os_error(error, path, "reading") from error


def files_in(folder: Path) -> list[Path]:
    """List what is in a folder; nothing if there is no folder.

    Raises:
        StorageError: It cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise from_os_error(error, folder, "reading") from error


def present_layers(tensors: Iterable[str]) -> tuple[str, ...]:
    """Name the convolutions that are there, in the network's order."""
    names = frozenset(tensors)
    return tuple(layer for layer in LAYERS if f"{layer}.weight" in names)


def _header(file: BufferedIOBase, origin: Path) -> tuple[dict[str, str], dict[str, _Tensor]]:
    """The metadata and the tensors' places; raises unless they fill the file, without a gap."""
    size = file.seek(0, 2)
    file.seek(0)
    start = 8 + int.from_bytes(file.read(8), "little")
    try:
        header: dict[str, Any] = json.loads(file.read(start - 8))
        metadata = dict(header.pop("__metadata__", None) or {})
        tensors = {name: _entry(entry, start) for name, entry in header.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{origin} is damaged: {error}") from error
    places = sorted((tensor.begin, tensor.end) for tensor in tensors.values())
    ends = [start, *(end for _, end in places)]
    if [begin for begin, _ in places] != ends[:-1] or ends[-1] != size:
        raise WeightsError(f"{origin} is damaged: its tensors do not fill it")
    return metadata, tensors


def _entry(entry: Mapping[str, Any], start: int) -> _Tensor:
    begin, end = (start + int(offset) for offset in entry["data_offsets"])
    return _Tensor(str(entry["dtype"]), tuple(map(int, entry["shape"])), begin, end)


def _check_type(name: str, tensor: _Tensor, origin: Path) -> None:
    is_width = name.endswith(".width")
    if not is_width and tensor.kind not in _FLOATS:
        raise WeightsError(f"{origin}: {name} is {tensor.kind}, not floating point")
    if is_width and tensor.kind not in _INTEGERS:
        raise WeightsError(f"{origin}: {name} is no whole number above 0")
    if math.prod(tensor.shape) * _TYPES[tensor.kind].size != tensor.end - tensor.begin:
        raise WeightsError(f"{origin} is damaged: {name} has not the size that its shape tells")


def _check_values(name: str, tensor: _Tensor, values: bytes, origin: Path) -> None:
    if name.endswith(".width"):
        if int.from_bytes(values, "little", signed=True) < 1:
            raise WeightsError(f"{origin}: {name} is no whole number above 0")
        return
    if tensor.kind == "BF16":  # a type that NumPy lacks
        exponents = np.frombuffer(values, "<u2") & _BFLOAT16_EXPONENT
        finite = bool((exponents != _BFLOAT16_EXPONENT).all())
    else:
        finite = bool(np.isfinite(np.frombuffer(values, f"<f{_FLOATS[tensor.kind].size}")).all())
    if not finite:
        raise WeightsError(f"{origin}: {name} holds values that are infinite or not a number")


def _check_shape(
    tensors: Mapping[str, _Tensor], name: str, shape: tuple[int, ...], origin: Path
) -> None:
    """Raise unless a tensor is there and has a shape, in which -1 stands for any length above 0."""
    if name not in tensors:
        raise WeightsError(f"{origin} lacks {name}")
    found = tensors[name].shape
    fits = len(found) == len(shape) and all(
        length == wanted if wanted >= 0 else length > 0
        for length, wanted in zip(found, shape, strict=True)
    )
    if not fits:
        wanted = "×".join("any" if length < 0 else str(length) for length in shape)
        actual = "×".join(map(str, found)) or "a single number"
        raise WeightsError(f"{origin}: {name} should be {wanted}, but is {actual}")


def _check_chain(tensors: Mapping[str, _Tensor], origin: Path) -> None:
    """Raise unless the convolutions begin at conv1_1, have no gap, and fit one to the next."""
    named = {name.split(".")[-2] for name in tensors} - {"preprocess"}
    deepest = max((LAYERS.index(layer) for layer in named), default=0)
    width = 3
    for layer in LAYERS[: deepest + 1]:
        _check_shape(tensors, f"{layer}.weight", (-1, width, 3, 3), origin)
        width = tensors[f"{layer}.weight"].shape[0]
        _check_shape(tensors, f"{layer}.bias", (width,), origin)


def _check_readouts(tensors: Mapping[str, _Tensor], origin: Path) -> None:
    """Raise unless every readout is complete and takes its layer's width."""
    for layer in {name.split(".")[1] for name in tensors if name.startswith("readout.")}:
        width = tensors[f"{layer}.weight"].shape[0]
        _check_shape(tensors, f"readout.{layer}.weight", (-1, width, 1, 1), origin)
        outputs = tensors[f"readout.{layer}.weight"].shape[0]
        _check_shape(tensors, f"readout.{layer}.bias", (outputs,), origin)


def _check_metrics(tensors: Mapping[str, _Tensor], origin: Path) -> None:
    """Raise unless each metric is complete, of its layer's width, and has no readout beside it."""
    for layer in {name.split(".")[1] for name in tensors if name.startswith("metric.")}:
        channels = tensors[f"{layer}.weight"].shape[0]
        _check_shape(tensors, f"metric.{layer}.factor", (-1, channels + 1), origin)
        _check_shape(tensors, f"metric.{layer}.width", (), origin)
        if f"readout.{layer}.weight" in tensors:
            raise WeightsError(f"{origin} has both a readout and a metric for {layer}")


def _some(names: list[str]) -> str:
    """List a few names, and how many more there are."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
