"""Networks from the addresses that torchvision names, checked by their hashes.

VGG-19 is cut to what is needed; RAFT is kept as it is.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from nstd.errors import DownloadError, WeightsError
from nstd.files import file_sha256, replace
from nstd.weights.catalog import VGG19, weights_folder, weights_path, writing
from nstd.weights.convert import Normalization, canonical_tensors, provenance, read_tensors, store
from nstd.weights.download import OnBytes, discard, download
from nstd.weights.file import inspect_weights
from nstd.weights.raft import RAFT_SHA256_PREFIX, RAFT_URL, raft_path, raft_sha256

logger = logging.getLogger(__name__)

_CONVERTED_BYTES = 60_000_000
"""What the converted network needs on the disk beside the download, rounded up."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """What torchvision says about its VGG-19: address, beginning of the hash, input range."""

    url: str
    sha256_prefix: str
    normalization: Normalization


def fetch_vgg19(
    cache_dir: Path,
    *,
    url: str | None = None,
    sha256_prefix: str | None = None,
    progress: OnBytes | None = None,
    timeout: float = 10.0,
) -> Path:
    """Fetch VGG-19 into `cache_dir/weights/vgg19.safetensors`, unless it is there; give the path.

    Args:
        cache_dir: nstd's cache folder.
        url: A mirror; by default torchvision's address.
        sha256_prefix: How the file's SHA-256 must begin; by default what torchvision promises.
        progress: Called with (bytes at hand, length or None).
        timeout: Seconds without a byte after which the server is given up.

    Raises:
        DownloadError: The server is not there, refuses, stalls, stops early or sends another file.
        WeightsError: torchvision cannot be imported, or the file is not VGG-19.
        BusyError: Another process is fetching.
        StorageError: The disk is full or cannot be written.
    """
    target = weights_path(VGG19, cache_dir)
    if _is_sound(target, inspect_weights):
        return target
    origin = _torchvision_origin()
    url = url or origin.url
    prefix = (sha256_prefix or origin.sha256_prefix).lower()
    part = weights_folder(cache_dir) / f"vgg19-{prefix}.pth.part"
    with writing(cache_dir):
        download(url, part, progress=progress, timeout=timeout, reserve=_CONVERTED_BYTES)
        digest = _checked_hash(part, url, prefix)
        tensors = _converted(part, origin)
        store(
            tensors, VGG19, cache_dir, provenance("torchvision", url, digest, origin.normalization)
        )
        discard(part)
    return target


def fetch_raft(
    cache_dir: Path,
    *,
    url: str | None = None,
    sha256_prefix: str | None = None,
    progress: OnBytes | None = None,
    timeout: float = 10.0,
) -> Path:
    """Fetch RAFT, large, into `cache_dir/weights` as torchvision names it, unless it is there.

    Args:
        cache_dir: nstd's cache folder.
        url: A mirror; by default torchvision's address.
        sha256_prefix: How the file's SHA-256 must begin, eight digits; by default as torchvision's.
        progress: Called with (bytes at hand, length or None).
        timeout: Seconds without a byte after which the server is given up.

    Returns:
        The file.

    Raises:
        DownloadError: The server is not there, refuses, stalls, stops early or sends another file.
        BusyError: Another process is fetching.
        StorageError: The disk is full or cannot be written.
    """
    url, prefix = url or RAFT_URL, sha256_prefix or RAFT_SHA256_PREFIX
    target = raft_path(weights_folder(cache_dir), prefix)
    if _is_sound(target, raft_sha256):
        return target
    part = target.with_name(f"{target.name}.part")
    with writing(cache_dir):
        download(url, part, progress=progress, timeout=timeout)
        _checked_hash(part, url, prefix)
        replace(part, target)
        discard(part)
    return target


def _torchvision_origin() -> _Origin:
    """Ask torchvision where its VGG-19 lies and what input it was trained on."""
    try:
        from torchvision.models import VGG19_Weights  # noqa: PLC0415 - needed here only, and slow

        weights = VGG19_Weights.IMAGENET1K_V1
        transforms = weights.transforms()
    # A torchvision built for another torch fails in all these ways, not with ImportError alone
    # ("operator torchvision::nms does not exist" is a RuntimeError).
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise WeightsError(
            f"torchvision, which knows where vgg19 is to be had, cannot be imported ({error})",
            "Install torch and torchvision of matching versions, "
            "or `nstd weights import FILE --name vgg19` a file you have",
        ) from error
    match = re.search(r"-([0-9a-f]{8,})\.\w+$", weights.url)
    if match is None:
        raise WeightsError(
            f"torchvision's address of vgg19 ({weights.url}) does not name its hash",
            "Give the hash, or `nstd weights import FILE --name vgg19` a file you have",
        )
    return _Origin(weights.url, match[1], (transforms.mean, transforms.std))


def _is_sound(target: Path, inspect: Callable[[Path], object]) -> bool:
    """Tell whether the network is there already, and whole: then `inspect` does not raise."""
    if not target.exists():
        return False
    try:
        inspect(target)
    except WeightsError as error:
        logger.warning("fetching again: %s", error.problem)
        return False
    return True


def _checked_hash(part: Path, url: str, prefix: str) -> str:
    """Give the download's SHA-256, or remove it and raise if it is not what was promised."""
    digest = file_sha256(part)
    if digest.startswith(prefix):
        return digest
    discard(part)
    raise DownloadError(
        f"What {url} sends is not the file that was promised: "
        f"its SHA-256 begins with {digest[: len(prefix)]}, not {prefix}; it was removed",
        "Try again; if it stays so, something between here and the server alters it",
    )


def _converted(part: Path, origin: _Origin) -> dict[str, torch.Tensor]:
    """Convert the download; it is removed if it has the right hash but is no VGG-19."""
    try:
        return canonical_tensors(read_tensors(part), "torchvision", part, origin.normalization)
    except WeightsError:
        discard(part)
        raise
