"""The canonical weights file: one safetensors file a network, complete and self-checking.

| tensor                        | shape               | meaning                                    |
|-------------------------------|---------------------|--------------------------------------------|
| `preprocess.{weight,bias}`    | 3×3×1×1, 3          | RGB in [0, 1] → the network's input        |
| `convB_I.{weight,bias}`       | out×in×3×3, out     | VGG-19's convolutions, in its order        |
| `readout.convB_I.{weight,…}`  | any×width×1×1, any  | optional: a full network's activations     |
| `metric.convB_I.factor`       | any×(width + 1)     | instead of a readout: R of [A, b] = QR     |
| `metric.convB_I.width`        | one integer         | with it: the channels of what it stands for|

A file may end at any convolution and have any widths, so long as each takes what the one before
it gives. The metadata holds where the weights come from and the digest of all tensors, so that one
atomic replacement publishes weights and checksum together.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from nstd.errors import WeightsError, from_os_error

FORMAT_VERSION = "1"

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
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_INTEGERS = (torch.int32, torch.int64)
_PICKLE_SUFFIXES = {".pth", ".pt", ".bin", ".ckpt", ".pkl"}
_SNIFFED = 9


# Compared by identity (eq=False): tensors have no single truth value to compare by.
@dataclass(frozen=True, slots=True, eq=False)
class NetworkWeights:
    """A network's weights as loaded from a canonical file.

    Attributes:
        name: The file's stem, such as `vgg19`.
        path: The file.
        sha256: Of the whole file: what cached results that depend on the weights are keyed by.
        tensors: By canonical name, on the CPU, in the file's floating dtypes.
        metadata: Provenance: `layout`, `imported_from`, `source_sha256`, `normalization`, ….
    """

    name: str
    path: Path
    sha256: str
    tensors: dict[str, torch.Tensor]
    metadata: dict[str, str]


def load_weights(path: Path) -> NetworkWeights:
    """Read a canonical file and check everything a network will rely on.

    Raises:
        WeightsError: It is missing, not safetensors, damaged, or no network of nstd's.
        StorageError: It is there but cannot be read.
    """
    data = _read(path)
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, KeyError, TypeError) as error:  # the last two: a dtype torch lacks
        raise WeightsError(f"{path} is damaged: {error}") from error
    metadata = _metadata(data)
    check_tensors(tensors, path)
    recorded = metadata.get("digest")
    if recorded is not None and recorded != tensors_digest(tensors):
        raise WeightsError(
            f"{path} is damaged: its tensors are not those it was written with",
            "Remove it, then fetch or import it again",
        )
    return NetworkWeights(path.stem, path, hashlib.sha256(data).hexdigest(), tensors, metadata)


def save_weights(
    tensors: Mapping[str, torch.Tensor], path: Path, metadata: Mapping[str, str]
) -> None:
    """Check `tensors` and write them to `path` as a canonical file, atomically.

    Args:
        tensors: By canonical name; floating dtypes.
        path: The file to write or replace; its folder must exist. `path` + ".part" is used on the
            way: whoever may write the same path at the same time holds a lock.
        metadata: Provenance. Format version and digest are added.

    Raises:
        WeightsError: The tensors are no network of nstd's.
        StorageError: The file cannot be written.
    """
    check_tensors(tensors, path)
    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    complete = {**metadata, "format_version": FORMAT_VERSION, "digest": tensors_digest(packed)}
    _replace(path, _with_sorted_metadata(safetensors.torch.save(packed, complete)))


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file's content in hexadecimal.

    Raises:
        StorageError, VanishedError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise from_os_error(error, path, "reading") from error


def tensors_digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Give the SHA-256 over names, dtypes, shapes and values of all tensors (on the CPU)."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # Copied: a tensor of one element counts as contiguous with any stride, view() minds it.
        flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1))
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def is_safetensors(head: bytes, size: int) -> bool:
    """Tell by its first nine bytes and its size whether a file means to be safetensors."""
    length = int.from_bytes(head[:8], "little")
    return len(head) >= _SNIFFED and head[8:9] == b"{" and 8 + length <= size


def sniff(path: Path) -> bool:
    """Tell whether a file means to be safetensors.

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


def check_tensors(tensors: Mapping[str, torch.Tensor], origin: Path) -> None:
    """Raise `WeightsError`, naming `origin`, unless the tensors are a network as nstd knows it."""
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
    for name, tensor in tensors.items():
        if name.endswith(".width"):
            continue
        if tensor.dtype not in _DTYPES:
            raise WeightsError(f"{origin}: {name} is {tensor.dtype}, not floating point")
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{origin}: {name} holds values that are infinite or not a number")


def present_layers(tensors: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """Name the convolutions that are there, in the network's order."""
    return tuple(layer for layer in LAYERS if f"{layer}.weight" in tensors)


def _read(path: Path) -> bytes:
    """Read the whole file, once, so that its hash and its tensors are of the same bytes."""
    if not sniff(path):
        if path.suffix.lower() in _PICKLE_SUFFIXES:
            raise WeightsError(
                f"{path} is a PyTorch file, which nstd does not load directly",
                f"Convert it once with `nstd weights import {path}`",
            )
        raise WeightsError(f"{path} is not a safetensors file, or is cut off")
    try:
        return path.read_bytes()
    except OSError as error:
        raise from_os_error(error, path, "reading") from error


def _metadata(data: bytes) -> dict[str, str]:
    """Take the metadata from a file's header (safetensors reads it from paths only)."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return metadata


def _with_sorted_metadata(data: bytes) -> bytes:
    """Sort a file's metadata: safetensors shuffles it, and the same weights' hash would change."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _check_shape(
    tensors: Mapping[str, torch.Tensor], name: str, shape: tuple[int, ...], origin: Path
) -> None:
    """Raise unless a tensor is there and has a shape; -1 stands for any length but none."""
    if name not in tensors:
        raise WeightsError(f"{origin} lacks {name}")
    found = tuple(tensors[name].shape)
    fits = len(found) == len(shape) and all(
        length == wanted if wanted >= 0 else length > 0
        for length, wanted in zip(found, shape, strict=True)
    )
    if not fits:
        wanted = "×".join("any" if length < 0 else str(length) for length in shape)
        actual = "×".join(map(str, found)) or "a single number"
        raise WeightsError(f"{origin}: {name} should be {wanted}, but is {actual}")


def _check_chain(tensors: Mapping[str, torch.Tensor], origin: Path) -> None:
    """Raise unless the convolutions begin at conv1_1, have no gap, and fit one to the next."""
    named = {name.split(".")[-2] for name in tensors} - {"preprocess"}
    deepest = max((LAYERS.index(layer) for layer in named), default=0)
    width = 3
    for layer in LAYERS[: deepest + 1]:
        _check_shape(tensors, f"{layer}.weight", (-1, width, 3, 3), origin)
        width = tensors[f"{layer}.weight"].shape[0]
        _check_shape(tensors, f"{layer}.bias", (width,), origin)


def _check_readouts(tensors: Mapping[str, torch.Tensor], origin: Path) -> None:
    """Raise unless every readout is complete and takes its layer's width."""
    for layer in {name.split(".")[1] for name in tensors if name.startswith("readout.")}:
        width = tensors[f"{layer}.weight"].shape[0]
        _check_shape(tensors, f"readout.{layer}.weight", (-1, width, 1, 1), origin)
        outputs = tensors[f"readout.{layer}.weight"].shape[0]
        _check_shape(tensors, f"readout.{layer}.bias", (outputs,), origin)


def _check_metrics(tensors: Mapping[str, torch.Tensor], origin: Path) -> None:
    """Raise unless every metric is complete, takes its layer's width, and has no rival readout."""
    for layer in {name.split(".")[1] for name in tensors if name.startswith("metric.")}:
        channels = tensors[f"{layer}.weight"].shape[0]
        _check_shape(tensors, f"metric.{layer}.factor", (-1, channels + 1), origin)
        _check_shape(tensors, f"metric.{layer}.width", (), origin)
        width = tensors[f"metric.{layer}.width"]
        if width.dtype not in _INTEGERS or int(width) < 1:
            raise WeightsError(f"{origin}: metric.{layer}.width is no whole number above 0")
        if f"readout.{layer}.weight" in tensors:
            raise WeightsError(f"{origin} has both a readout and a metric for {layer}")


def _replace(path: Path, data: bytes) -> None:
    """Put `data` at `path`: the old content or the new is there at any moment, whole."""
    part = path.with_name(f"{path.name}.part")
    try:
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise from_os_error(error, path, "writing") from error


def _some(names: list[str]) -> str:
    """List a few names, and how many more there are."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
