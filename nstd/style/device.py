"""Where tensors live: finding a device, and making it compute the same thing twice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from nstd.errors import DeviceError, DeviceMemoryError

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


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device that works.

    Attributes:
        name: As torch and the configuration call it: "cpu", "cuda:0", "mps".
        description: For people.
        memory: Bytes, or 0 where it is shared with the machine.
        processor: What its kernels' last digits depend on.
    """

    name: str
    description: str
    memory: int
    processor: str


def list_devices() -> list[DeviceInfo]:
    """All devices torch can use here, the fastest kind first and the CPU last."""
    found = [_cuda_info(number) for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(DeviceInfo("mps", "Apple GPU", 0, "mps"))
    capability = processor_of(torch.device("cpu"))
    found.append(DeviceInfo("cpu", f"CPU ({capability})", 0, capability))
    return found


def choose_devices(wanted: tuple[str, ...] | None) -> list[DeviceInfo]:
    """The devices to work on: those `wanted`, or with None every GPU, else the CPU.

    A device that was asked for and is not there is an error, never a silent fall to the CPU.

    Raises:
        DeviceError: One of `wanted` is missing, or named twice.
    """
    available = list_devices()
    if wanted is None:
        return [device for device in available if device.name != "cpu"] or available
    names = [{"cuda": "cuda:0"}.get(name, name) for name in wanted]
    if len(set(names)) != len(names):
        raise DeviceError("A device is named twice", "Name each device once")
    by_name = {device.name: device for device in available}
    for name in names:
        if name not in by_name:
            raise DeviceError(
                f"There is no device {name} here",
                f"Use one of these: {', '.join(by_name)}, or repair the driver",
            )
    return [by_name[name] for name in names]


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
    """Let the calling thread compute with so many: OpenMP keeps the number for each thread."""
    torch.set_num_threads(threads)


@contextmanager
def device_errors(device: str) -> Iterator[None]:
    """Translate what torch raises when `device` fails; other errors of its are passed on.

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
    """What kind of processor or card it is, as far as last digits depend on it."""
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
