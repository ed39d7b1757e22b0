"""Workers as configured: devices, threads, settings."""

import os
from dataclasses import replace

from nstd.config import Config
from nstd.ledger.store import JobStore
from nstd.style.device import choose_devices
from nstd.work.film import Observer
from nstd.work.worker import Worker, WorkerSettings


def make_worker(config: Config, store: JobStore, device: str, observer: Observer) -> Worker:
    """A worker on one device, as configured.

    Raises:
        DeviceError: The device is missing or does not answer.
    """
    (info,) = choose_devices((device,))
    return Worker(store, info, worker_settings(config), observer)


def crew(config: Config) -> dict[str, WorkerSettings]:
    """What the daemon's workers go by: one on each device, by its name.

    Raises:
        DeviceError: A configured device is missing.
    """
    devices = choose_devices(None if config.devices == "auto" else config.devices)
    kinds = {one.name: (one.name.partition(":")[0], one.processor) for one in devices}
    settings = worker_settings(config, grace_seconds=config.grace_seconds)
    found = {}
    for name, own in kinds.items():
        others = tuple(sorted({kind for kind in kinds.values() if kind != own}))
        found[name] = replace(settings, reserved=others)
    return found


def worker_settings(config: Config, *, grace_seconds: float = 0.0) -> WorkerSettings:
    """What a worker goes by, as configured."""
    return WorkerSettings(
        state_dir=config.state_dir,
        cache_dir=config.cache_dir,
        threads=worker_threads(config),
        grace_seconds=grace_seconds,
        refuse_upgrade=config.after_upgrade == "refuse",
    )


def device_names(config: Config) -> tuple[str, ...]:
    """The devices to work on, by name; all are there.

    Raises:
        DeviceError: A configured one is missing.
    """
    wanted = None if config.devices == "auto" else config.devices
    return tuple(device.name for device in choose_devices(wanted))


def worker_threads(config: Config) -> int:
    """CPU threads of each worker."""
    return (os.cpu_count() or 1) if config.threads == "auto" else config.threads
