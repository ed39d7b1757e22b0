"""What works on this machine, for this user."""

import importlib
import logging
import os
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import av
import torch

from nstd.check.finding import Finding, Verdict, fault_of
from nstd.check.sharing import FIRST_PERSON, sharing, umask_of_this_process
from nstd.child import die_with_parent
from nstd.config import Config, MoveOriginals
from nstd.disks.mounts import file_system, needs_polling
from nstd.disks.place import NOT_THERE, Place
from nstd.errors import ConfigError, DeviceError, NstdError, StorageError, from_os_error
from nstd.files import size_text
from nstd.flow import choose_estimator
from nstd.log import set_up_logging
from nstd.media.write.codecs import CODECS
from nstd.media.write.hardware import why_no_nvenc
from nstd.painting.plan import PACKAGES
from nstd.style.devices import choose_devices, list_devices
from nstd.style.recipe import StyleRecipe, StyleSource
from nstd.submit.freeze import paints_on_gpu, require_depth
from nstd.weights.catalog import AUTO, POCKET, choose_network, list_weights, weights_folder
from nstd.weights.raft import RAFT

logger = logging.getLogger(__name__)

LOW_DISK_BYTES = 5 << 30

_NICENESS = 10
"""Niceness of the check at the start: workers that start at the same time come first."""

DRIVERS_GPUS = Path("/proc/driver/nvidia/gpus")
"""NVIDIA's driver has an entry here for each card, also for users who may not use the card."""


def check(config: Config | None, problem: ConfigError | None) -> list[Finding]:
    """Check everything that painting will need.

    Args:
        config: The configuration, or None where it could not be read.
        problem: Why it could not be read, or what is wrong with it.
    """
    findings = [_configuration(config, problem), _versions()]
    config = config or Config()
    findings += _devices(config)
    findings += _torchvision()
    findings += _codecs(config)
    findings += _weights(config)
    findings += _networks(config)
    findings += _estimators(config)
    findings += _styles(config)
    findings += _folders(config)
    findings += _sharing(config)
    return findings


def warn(config: Config) -> None:
    """Log what the daemon's jobs will wait for or fail with.

    This checks everything but torchvision, which takes long to import, unless a recipe needs it.
    """
    looks: tuple[Callable[[], Iterable[Finding]], ...] = (
        lambda: _devices(config),
        lambda: _codecs(config),
        lambda: _weights(config),
        lambda: _networks(config),
        lambda: _estimators(config),
        lambda: _styles(config),
        lambda: _folders(config),
        lambda: _sharing(config),
    )
    for look in looks:
        try:
            for finding in look():
                if finding.verdict != "ok":
                    level = logging.WARNING if finding.verdict == "fault" else logging.INFO
                    logger.log(level, "%s", finding.text)
        except (NstdError, OSError) as error:
            logger.warning("Part of the check at the start could not be made: %s", error)


def _configuration(config: Config | None, problem: ConfigError | None) -> Finding:
    if problem is not None:
        return fault_of("config", problem)
    if config is None or config.source is None:
        return Finding("config", "note", "There is no config.yaml: the defaults hold.")
    counted = ((config.recipes, "recipe"), (config.folders, "watched folder"))
    texts = (f"{len(what)} {name}{'' if len(what) == 1 else 's'}" for what, name in counted)
    return Finding("config", "ok", f"{config.source}: {', '.join(texts)}")


def _versions() -> Finding:
    return Finding("versions", "ok", ", ".join(f"{name} {version(name)}" for name in PACKAGES))


def _devices(config: Config) -> Iterator[Finding]:
    for device in list_devices():
        memory = f", {size_text(device.memory)}" if device.memory else ""
        yield Finding("device", "ok", f"{device.name}: {device.description}{memory}")
    try:
        chosen = choose_devices(None if config.devices == "auto" else config.devices)
    except DeviceError as error:
        yield fault_of("device", error)
        return
    names = ", ".join(device.name for device in chosen)
    if all(device.name == "cpu" for device in chosen):
        built = "" if torch.version.cuda else " This PyTorch is built without CUDA."
        if config.devices == "auto" and any(DRIVERS_GPUS.glob("*")):
            built += " There is one that this process cannot use; a systemd unit or a container"
            built += " must let it through (PrivateDevices=no, DeviceAllow= as in nstd.service)."
        yield Finding("device", "note", f"Painting on the CPU; a GPU is far faster.{built}")
    else:
        yield Finding("device", "ok", f"Painting on {names}")


def _torchvision() -> Iterator[Finding]:
    try:
        found = importlib.import_module("torchvision")
    except (ImportError, RuntimeError) as error:
        # A torchvision built for another PyTorch raises a RuntimeError: an operator is missing.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        yield Finding(
            "torchvision",
            "note",
            f"It cannot be imported ({reason}); only `nstd weights fetch` and the flow of `raft`"
            " need it. Install the torchvision that belongs to this torch, from the same index.",
        )
        return
    yield Finding("torchvision", "ok", str(found.__version__))


def _codecs(config: Config) -> Iterator[Finding]:
    missing = []
    for name, codec in CODECS.items():
        try:
            av.Codec(codec.encoders["software"].name, "w")
        except ValueError:
            missing.append(name)
    works = ", ".join(name for name in CODECS if name not in missing)
    yield Finding("codecs", "ok" if works else "fault", f"Encoders that work: {works or 'none'}")
    if missing:
        text = f"This build of PyAV has no encoder for {', '.join(missing)}; install PyAV's wheel."
        yield Finding("codecs", "note", text)
    refused = {
        name: why_no_nvenc(name) for name, codec in CODECS.items() if "nvenc" in codec.encoders
    }
    hard = ", ".join(name for name, why in refused.items() if why is None)
    if hard:
        yield Finding("codecs", "ok", f"NVIDIA's encoders work too (encoder: nvenc): {hard}")
    elif config.output.encoder == "nvenc":
        why = refused[config.output.codec]
        text = f"NVIDIA's encoder does not work here ({why}): films are encoded in software."
        yield Finding("codecs", "note", text)


def _weights(config: Config) -> Iterator[Finding]:
    try:
        entries = list_weights(config.cache_dir)
    except NstdError as error:
        yield fault_of("weights", error)
        entries = []
    for entry in entries:
        if entry.state == "present":
            yield Finding("weights", "ok", f"{entry.name}: {entry.path}")
        elif entry.state == "damaged" or entry.name != RAFT:  # is a fault where a recipe names it
            verdict: Verdict = "note" if entry.state == "absent" else "fault"
            problem = entry.problem or "It is not here"
            yield Finding("weights", verdict, f"{entry.name}: {problem}. {entry.remedy}.")


def _networks(config: Config) -> Iterator[Finding]:
    """Which network each recipe paints with, and how to get the other that `auto` may choose."""
    gpu = _paints_on_gpu(config)
    wanted = {
        f"Recipe {name}": recipe.recipe(config.network) for name, recipe in config.recipes.items()
    }
    if not wanted:
        any_style = StyleRecipe(styles=(StyleSource(image="any"),), network=config.network)
        wanted = {"A recipe that names no network": any_style}
    for who, recipe in wanted.items():
        network = recipe.network
        try:
            chosen = choose_network(network, config.cache_dir, gpu=gpu)
            require_depth(recipe, chosen)
        except NstdError as error:
            yield Finding("network", "fault", f"{who}: {error}", error.exit_code)
            continue
        why = f" ({network}: {chosen.reason})" if chosen.reason else ""
        other = f"; {_how_to_get_the_other(chosen.name)}" if network == AUTO else ""
        yield Finding("network", "ok", f"{who} paints with {chosen.name}{why}{other}")


def _estimators(config: Config) -> Iterator[Finding]:
    """Whether what finds the flow for recipes can be made here."""
    users: dict[str, list[str]] = {}
    for name, recipe in config.recipes.items():
        temporal = recipe.recipe(config.network).temporal
        if temporal.distances:
            users.setdefault(temporal.estimator, []).append(name)
    for estimator, names in users.items():
        who = f"{'Recipe' if len(names) == 1 else 'Recipes'} {', '.join(names)}"
        try:
            choose_estimator(estimator, folder=weights_folder(config.cache_dir))
        except NstdError as error:
            yield Finding("flow", "fault", f"{who}: {error}", error.exit_code)
        else:
            yield Finding("flow", "ok", f"{who}: {estimator} finds how the film moves")


def _how_to_get_the_other(name: str) -> str:
    if name == POCKET:
        return (
            "it is vgg19 on a GPU once `nstd weights fetch vgg19` has got its weights, "
            "and `network: vgg19` takes that anywhere"
        )
    return "`network: pocket` takes the small one that ships with nstd"


def _paints_on_gpu(config: Config) -> bool:
    try:
        return paints_on_gpu(config)
    except DeviceError:
        return False  # reported as a finding of its own


def _styles(config: Config) -> Iterator[Finding]:
    images = [style.image for recipe in config.recipes.values() for style in recipe.styles]
    for image in dict.fromkeys(images):
        # Not opened: opening what is no file, such as a pipe, could wait for ever.
        if not (os.path.isfile(image) and os.access(image, os.R_OK)):  # noqa: PTH113 - may raise
            text = f"The style image {image} cannot be read. Give this user access to it."
            yield Finding("style", "fault", text)


def _folders(config: Config) -> Iterator[Finding]:
    for folder in config.folders:
        yield _readable(folder.watch)
        if folder.originals != "keep":
            yield _writable(folder.watch)
    for place in _written(config):
        yield _named(place)
    for path in (config.state_dir, config.cache_dir):
        yield _writable(path)
    if needs_polling(config.state_dir):
        kind = file_system(config.state_dir)
        text = (
            f"{config.state_dir} is on a network file system ({kind}), where a ledger is not safe"
        )
        yield Finding("folder", "fault", f"{text}. Set state_dir to a folder on a local disk.")


def _sharing(config: Config) -> Iterator[Finding]:
    """Whom a service's folders are closed to; folders of a person's own nstd are not looked at."""
    user, group = os.geteuid(), os.getegid()
    if user < FIRST_PERSON:
        yield from sharing(config, user=user, group=group, umask=umask_of_this_process())


def _written(config: Config) -> Iterator[Place]:
    """The folders that the configuration names and nstd writes to, besides nstd's own."""
    for folder in config.folders:
        yield Place(folder.output, folder.output_marker)
        if isinstance(folder.originals, MoveOriginals):
            yield Place(folder.originals.move, folder.originals.marker)
    for entry in config.batch:
        yield Place(entry.output, entry.output_marker)


def make_folders(config: Config) -> list[Finding]:
    """Make the folders that the configuration names and that are not there.

    Only this command does: if a disk is not mounted, a new folder would lie on another disk.
    """
    named = [folder.watch for folder in config.folders]
    findings = []
    for path in [*named, *(place.folder for place in _written(config))]:
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            findings.append(fault_of("folder", from_os_error(error, path, "making the folder")))
        else:
            findings.append(Finding("folder", "note", f"{path} was made"))
    return findings


def _named(place: Place) -> Finding:
    try:
        now = place.found()
    except StorageError as error:
        return fault_of("folder", error)
    return _writable(place.folder, "" if now.mount is None else f", on {now.mount}")


def _readable(path: Path) -> Finding:
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where it may not look
        text = f"{path} is not there, or out of reach. {NOT_THERE}."
        return Finding("folder", "fault", text)
    if not os.access(path, os.R_OK | os.X_OK):
        return Finding("folder", "fault", f"{path} cannot be read. Give this user access to it.")
    return Finding("folder", "ok", f"{path} can be read")


def _writable(path: Path, where: str = "") -> Finding:
    """Whether files can be made in a folder, or the folder itself if it is not there yet.

    Args:
        path: The folder.
        where: What the finding says of it besides.
    """
    there = path
    try:
        while not there.exists() and there != there.parent:
            there = there.parent
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        reason = error.strerror or str(error)
        text = f"{there} cannot be written to ({reason}). Give this user access to it."
        return Finding("folder", "fault", text, 75)
    text = f"{path} can be written to{where}, {size_text(free)} are free"
    if free < LOW_DISK_BYTES:
        return Finding("folder", "note", f"{text}: that is little. Free some space.")
    return Finding("folder", "ok", text)


def main() -> None:
    """Warn of what a daemon's configuration lacks: see `nstd.check.start`."""
    parent, config, debug = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent's
    die_with_parent(parent)
    os.nice(_NICENESS)
    set_up_logging(config.log_level, debug=debug, dated=True)
    warn(config)


if __name__ == "__main__":
    main()
