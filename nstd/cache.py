"""A cache on disk, of tensors that take time to compute.

Work never fails because of it: a damaged file counts as missing, and where the disk is full or
read-only, work goes on without a cache, after one warning. Processes may share a folder.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

logger = logging.getLogger(__name__)

_DEFAULT_MAX_BYTES = 1 << 30
_ABANDONED_NS = 3600 * 10**9
"""A `.part` this old was left by a process that was killed."""


class TensorCache:
    """Tensors by key, kept in a folder; the least recently used are removed to make room.

    Attributes:
        folder: Where the files lie; made when the first is put.
        max_bytes: What all files together may take; None for no limit.
    """

    def __init__(self, folder: Path, max_bytes: int | None = _DEFAULT_MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._has_warned = False

    def get(self, key: str) -> dict[str, torch.Tensor] | None:
        """Give the tensors put under `key` (on the CPU), or None.

        A file that is torn or damaged is removed, with a line in the log, and is a miss.
        """
        path = self._path(key)
        try:
            data = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            return None
        except OSError as error:
            self._warn(error)
            return None
        tensors = _unpacked(data, key)
        try:
            if tensors is None:
                logger.info("removing %s: it is damaged", path)
                path.unlink(missing_ok=True)
            else:
                _mark_used(path)
        except OSError as error:
            self._warn(error)
        return tensors

    def put(self, key: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Keep tensors (of any device and strides) under `key`, replacing what was there."""
        data = _packed(key, tensors)
        if self.max_bytes is not None and len(data) > self.max_bytes:
            logger.info("not cached: %d bytes are more than the cache may hold", len(data))
            return
        path = self._path(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _replace(path, data)
            self._evict(keep=path)
        except OSError as error:
            self._warn(error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.safetensors"

    def _evict(self, keep: Path) -> None:
        """Remove abandoned parts, then the least recently used files until the rest fits."""
        now = time.time_ns()
        found: list[tuple[int, Path, int]] = []
        for path in self.folder.iterdir():
            stat = _stat(path)
            if stat is None:
                continue
            if path.suffix == ".part" and now - stat.st_mtime_ns > _ABANDONED_NS:
                path.unlink(missing_ok=True)
            elif path.suffix == ".safetensors":
                found.append((stat.st_mtime_ns, path, stat.st_size))
        if self.max_bytes is None:
            return
        total = sum(size for _, _, size in found)
        for _, path, size in sorted(found):
            if total <= self.max_bytes:
                return
            if path != keep:
                path.unlink(missing_ok=True)
                total -= size

    def _warn(self, error: OSError) -> None:
        """Say once that the folder cannot be used; work goes on without."""
        if not self._has_warned:
            self._has_warned = True
            logger.warning("the cache %s cannot be used, going on without: %s", self.folder, error)


def _packed(key: str, tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Serialize with the checksum in the metadata."""
    # Copied, since safetensors refuses tensors that share memory.
    plain = {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()
    }
    return safetensors.torch.save(plain, {"digest": _digest(key, plain)})


def _unpacked(data: bytes, key: str) -> dict[str, torch.Tensor] | None:
    """Give the tensors of a file's content, or None if it is not what was written for `key`."""
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        logger.info("unreadable: %s", error)
        return None
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return tensors if metadata.get("digest") == _digest(key, tensors) else None


def _digest(key: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """Give the SHA-256 over the key and all names, dtypes, shapes and values."""
    digest = hashlib.sha256(key.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # Copied: with one element any stride counts as contiguous, but view() refuses some.
        flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1))
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step (not fsynced: a torn file is found by its checksum)."""
    part = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part")
    if path.is_dir():
        shutil.rmtree(path)
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _mark_used(path: Path) -> None:
    """Note the time of use in the modification time (access times are often switched off)."""
    now = time.time_ns()  # the kernel's own "now" is several milliseconds coarse
    with contextlib.suppress(FileNotFoundError):  # another process has just evicted it
        os.utime(path, ns=(now, now))


def _stat(path: Path) -> os.stat_result | None:
    """Give a file's status; None if another process has just removed it."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
