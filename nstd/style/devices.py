"""Which devices there are, and which of them are to be used. No torch: it takes half a gigabyte."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from nstd.child import command, environment
from nstd.errors import DeviceError

_FINDER = "nstd.style.device"
_FINDING_SECONDS = 300.0
"""A machine of eight cards takes half a minute to start its driver; a slow disk, torch, as long."""


def spin_briefly() -> None:
    """Let OpenMP's threads wait for each other without spinning for long, unless told otherwise.

    To be called before torch is loaded, which loads OpenMP. By default they spin so long that a
    step took 1.3 s beside other work, instead of 0.04 s. With this short a spin it takes 0.2 s
    beside that work, and 4 % longer alone (`bench/waiting.py`).
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device that works.

    Attributes:
        name: As torch and the configuration call it: "cpu", "cuda:0", "mps".
        description: For people.
        memory: Bytes, or 0 where it is shared with the machine.
        processor: What the last digits of its results depend on: the model and its instructions.
    """

    name: str
    description: str
    memory: int
    processor: str


def list_devices() -> list[DeviceInfo]:
    """All devices torch can use here, the fastest kind first and the CPU last.

    A process that has loaded torch asks it. For others a child process looks, once: torch would
    take a card's memory too, and a driver may crash.

    Raises:
        DeviceError: The child failed.
    """
    here = sys.modules.get(_FINDER)
    if here is not None:
        found: list[DeviceInfo] = here.find_devices()
        return found
    return list(_found_by_child())


@cache
def _found_by_child() -> tuple[DeviceInfo, ...]:
    try:
        answer = subprocess.run(  # noqa: S603 - our own module
            command(_FINDER),
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_FINDING_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError("The devices do not answer", "Restart the machine") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"exit code {error.returncode}"
        raise DeviceError(
            f"The devices cannot be looked for: {why}",
            "Repair the installation of torch, or the driver",
        ) from error
    except OSError as error:
        raise DeviceError(f"The devices cannot be looked for: {error}") from error
    return tuple(DeviceInfo(**device) for device in json.loads(answer.stdout))


def choose_names(wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """The names of what `choose_devices` gives, without looking if only the CPU is wanted.

    Raises:
        DeviceError: One of `wanted` is missing, or named twice.
    """
    return wanted if wanted == ("cpu",) else tuple(one.name for one in choose_devices(wanted))


def choose_devices(wanted: tuple[str, ...] | None) -> list[DeviceInfo]:
    """The devices to work on: those `wanted`; for None every GPU, or the CPU if there is none.

    A device that is asked for and is not there is an error; the CPU never silently takes its place.

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
