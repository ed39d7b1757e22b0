"""Workers as configured: devices, threads, settings. No torch here."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nstd.config import Config
from nstd.intake.writers import UNSURE_SECONDS
from nstd.style.devices import choose_devices, choose_names


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker is told besides its jobs.

    Attributes:
        state_dir: Holds the jobs' work folders.
        cache_dir: Holds the cached targets.
        threads: torch's threads on the CPU.
        grace_seconds: A film that does not open is tried again until its last change is this old:
            it may still be coming. 0 where a person has named it.
        unsure_seconds: How long an original must have been unchanged before it is moved or deleted,
            where it cannot be told whether a program still writes to it.
        refuse_upgrade: Whether a film that was begun with other versions is refused instead of
            continued.
        reserved: Kinds of device, each with its processor, that other workers have: films that were
            begun on one of these are left to them.
    """

    state_dir: Path
    cache_dir: Path
    threads: int
    grace_seconds: float = 0.0
    unsure_seconds: float = UNSURE_SECONDS
    refuse_upgrade: bool = False
    reserved: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything in plain values; JSON escapes the bytes of a path that are no text."""
        folders = {"state_dir": str(self.state_dir), "cache_dir": str(self.cache_dir)}
        return asdict(self) | folders

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "WorkerSettings":
        """The settings that `to_json` wrote."""
        folders = {name: Path(data[name]) for name in ("state_dir", "cache_dir")}
        reserved = tuple((device, processor) for device, processor in data["reserved"])
        return cls(**{**data, **folders, "reserved": reserved})


def crew(config: Config) -> dict[str, WorkerSettings]:
    """The settings of the daemon's workers, one for each device, by the device's name.

    Raises:
        DeviceError: A configured device is missing.
    """
    settings = worker_settings(config, grace_seconds=config.grace_seconds)
    names = device_names(config)
    if len(names) == 1:
        return {names[0]: settings}
    devices = choose_devices(names)
    kinds = {one.name: (one.name.partition(":")[0], one.processor) for one in devices}
    found = {}
    for name, own in kinds.items():
        others = tuple(sorted({kind for kind in kinds.values() if kind != own}))
        found[name] = replace(settings, reserved=others)
    return found


def worker_settings(config: Config, *, grace_seconds: float = 0.0) -> WorkerSettings:
    """A worker's settings, as configured."""
    return WorkerSettings(
        state_dir=config.state_dir,
        cache_dir=config.cache_dir,
        threads=worker_threads(config),
        grace_seconds=grace_seconds,
        unsure_seconds=config.unsure_seconds,
        refuse_upgrade=config.after_upgrade == "refuse",
    )


def device_names(config: Config) -> tuple[str, ...]:
    """The devices to work on, by name; all are there.

    Raises:
        DeviceError: A configured one is missing.
    """
    return choose_names(None if config.devices == "auto" else config.devices)


def worker_threads(config: Config) -> int:
    """CPU threads of each worker."""
    return (os.cpu_count() or 1) if config.threads == "auto" else config.threads
