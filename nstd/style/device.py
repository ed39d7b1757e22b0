"""Devices as torch finds them, made to give the same results every time."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import torch

from nstd.errors import DeviceError, DeviceMemoryError
from nstd.style.devices import DeviceInfo

# cuBLAS reads this once, when CUDA starts; without it its sums may come in any order.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# Where torch has no class of its own for an error, its text tells.
# cuFFT's internal error is mostly one of memory: it allocates beside torch (pytorch issue 119420).
_MEMORY_SIGNS = (
    "can't allocate memory",
    "out of memory",
    "CUFFT_ALLOC_FAILED",
    "CUFFT_INTERNAL_ERROR",
)
_FAULT_SIGNS = ("CUDA", "CUDNN", "CUBLAS", "CUFFT", "MPS", "NVIDIA")


def find_devices() -> list[DeviceInfo]:
    """All devices torch can use here, the fastest kind first and the CPU last."""
    found = [_cuda_info(number) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(DeviceInfo("mps", "Apple GPU", 0, "mps"))
    capability = processor_of(torch.device("cpu"))
    found.append(DeviceInfo("cpu", f"CPU ({capability})", 0, capability))
    return found


def prepare(device: DeviceInfo, threads: int) -> torch.device:
    """Make `device` ready and reproducible, and give it as torch knows it.

    Raises:
        DeviceError: It does not answer.
    """
    use_threads(threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    # TensorFloat-32 has 10 bits of mantissa: too few for differences of Grams.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        torch.ones(1, device=device.name).sum().item()
    except RuntimeError as error:
        raise DeviceError(
            f"The device {device.name} does not answer: {_first_line(error)}"
        ) from error
    return torch.device(device.name)


def use_threads(threads: int) -> None:
    """Let the calling thread compute with so many threads; OpenMP has a number for each caller."""
    torch.set_num_threads(threads)


@contextmanager
def device_errors(device: str) -> Iterator[None]:
    """Translate what torch raises when `device` fails; its other errors are passed on.

    Raises:
        DeviceMemoryError: The device's memory is too small.
        DeviceError: The device failed.
    """
    try:
        yield
    except RuntimeError as error:
        text = _first_line(error)
        if isinstance(error, torch.OutOfMemoryError) or any(sign in text for sign in _MEMORY_SIGNS):
            raise DeviceMemoryError(f"The memory of {device} is too small: {text}") from error
        if isinstance(error, torch.AcceleratorError) or any(sign in text for sign in _FAULT_SIGNS):
            raise DeviceError(f"The device {device} failed: {text}") from error
        raise


def processor_of(device: torch.device) -> str:
    """The kind of processor or card, as far as the last digits of results depend on it."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name} sm_{properties.major}{properties.minor}"
    return torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else device.type


def _first_line(error: RuntimeError) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _cuda_info(number: int) -> DeviceInfo:
    properties = torch.cuda.get_device_properties(number)
    name = f"cuda:{number}"
    processor = processor_of(torch.device(name))
    return DeviceInfo(name, properties.name, properties.total_memory, processor)


def main() -> None:
    """Write the devices to standard output, as JSON: see `nstd.style.devices`."""
    print(json.dumps([asdict(device) for device in find_devices()]))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
