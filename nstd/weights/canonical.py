"""Canonical weights files as tensors: loaded and saved. `file` describes the format."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from nstd.errors import WeightsError, from_os_error
from nstd.files import write_whole
from nstd.weights.file import inspect_content, require_safetensors

FORMAT_VERSION = "1"


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
    require_safetensors(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    # Hashed from the same bytes that are loaded.
    checked = inspect_content(io.BytesIO(data), path)
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error
    return NetworkWeights(path.stem, path, checked.sha256, tensors, checked.metadata)


def save_weights(
    tensors: Mapping[str, torch.Tensor], path: Path, metadata: Mapping[str, str]
) -> None:
    """Check `tensors` and write them to `path` as a canonical file, atomically.

    Args:
        tensors: By canonical name; floating dtypes.
        path: The file to write or replace; its folder must exist. Callers that may write the same
            path at the same time must hold a lock.
        metadata: Provenance. Format version and digest are added.

    Raises:
        WeightsError: The tensors are no network of nstd's.
        StorageError: The file cannot be written.
    """
    data, digest = _packed(tensors, path)
    complete = {**metadata, "format_version": FORMAT_VERSION, "digest": digest}
    write_whole(path, _with_metadata(data, complete))


def tensors_digest(tensors: Mapping[str, torch.Tensor], origin: Path) -> str:
    """Give the digest that a file of these tensors carries.

    Raises:
        WeightsError: They are no network of nstd's; it names `origin`.
    """
    return _packed(tensors, origin)[1]


def _packed(tensors: Mapping[str, torch.Tensor], origin: Path) -> tuple[bytes, str]:
    """Give the content of a file without metadata, checked, and the tensors' digest."""
    data = safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    )
    return data, inspect_content(io.BytesIO(data), origin).digest


def _with_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Add metadata, sorted: safetensors would shuffle it, which would change the file's hash."""
    length = int.from_bytes(data[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(data[8 : 8 + length])}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
