"""How much memory a device has, and how much of it is available now."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch

from nstd.errors import StorageError, from_os_error


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a device.

    Attributes:
        total: Bytes that this process could have at most.
        free: Bytes that it can have now, including those that it has.
    """

    total: int
    free: int


def memory_of(device: torch.device) -> Memory:
    """The memory that a device paints in; a GPU without memory of its own uses the machine's.

    Raises:
        StorageError: The system does not say.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return Memory(total, free + torch.cuda.memory_reserved(device))
    return host_memory()


def host_memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> Memory:
    """The machine's memory, as far as the control groups of this process let it have that.

    Swap counts as free, since what is in memory may be moved there, but not as memory to paint in.

    Args:
        proc: Where the system tells of processes.
        groups: Where it tells of control groups.

    Raises:
        StorageError: The system does not say.
    """
    try:
        meminfo = _numbers(proc / "meminfo")
        own = _numbers(proc / "self/status").get("VmRSS", 0)
        free = (meminfo["MemAvailable"] + meminfo.get("SwapFree", 0) + own) << 10
        total = meminfo["MemTotal"] << 10
        for folder in _groups_of(proc, groups):
            limit, used = _limit(folder)
            total = min(total, limit)
            free = min(free, limit - used + (own << 10))
    except OSError as error:
        raise from_os_error(error, proc, "looking at") from error
    except KeyError as error:
        raise StorageError(f"{proc / 'meminfo'} does not tell {error}") from error
    return Memory(total, max(0, min(free, total)))


_UNLIMITED = 1 << 62

_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Files of control groups, versions 2 and 1: limit, usage, and the usage that can be reclaimed."""


def _groups_of(proc: Path, groups: Path) -> list[Path]:
    """The folders of the control groups that limit this process's memory, and those above."""
    found: list[Path] = []
    for line in (proc / "self/cgroup").read_text("utf-8", "surrogateescape").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            top = groups
        elif "memory" in controllers.split(","):
            top = groups / "memory"
        else:
            continue
        own = top / path.lstrip("/")
        found += [own, *(one for one in own.parents if one.is_relative_to(top))]
    return found


def _limit(folder: Path) -> tuple[int, int]:
    """The limit of a control group, and how much of it is taken."""
    for limit, usage, idle in _FILES:
        # Within a container the paths may be those of the machine outside, and not be there.
        if (folder / limit).exists():
            text = (folder / limit).read_text("ascii").strip()
            kept = _numbers(folder / "memory.stat").get(idle, 0)
            used = int((folder / usage).read_text("ascii")) - kept
            return (_UNLIMITED if text == "max" else int(text)), used
    return _UNLIMITED, 0


def _numbers(path: Path) -> dict[str, int]:
    """Names and numbers, as the file has them line by line."""
    text = path.read_text("utf-8", "replace")
    return {
        name: int(number) for name, number in re.findall(r"^(\w+):?\s+(\d+)", text, re.MULTILINE)
    }
