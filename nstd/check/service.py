"""What would fail if systemd started a unit, told without systemd and without starting it."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nstd.check.access import ENTER, READ, WRITE, Obstacle, is_there, nearest, obstacle
from nstd.check.finding import Finding, Verdict, fault_of, service_fault, service_note
from nstd.check.launch import Launch, read_launch
from nstd.check.machine import check
from nstd.check.manner import manner
from nstd.check.sandbox import Rule, character_groups, hidden_gpu_groups
from nstd.check.units import UNIT_FOLDERS
from nstd.config import Config, MoveOriginals, load_config
from nstd.errors import AccessError, ConfigError, NstdError
from nstd.intake.mounts import file_system, needs_polling
from nstd.style.device import list_devices

DEFAULT_UNIT = "nstd.service"


def check_service(name: str, folders: Sequence[Path] = UNIT_FOLDERS) -> list[Finding]:
    """Look at everything that a service will need, seen with its user's eyes.

    Modes and owners are read and nobody's place is taken, so it takes a user who may look at
    everything, which is root.

    Args:
        name: A unit's name or path; see `find_unit`.
        folders: Where systemd looks for units.
    """
    try:
        launch = read_launch(name, folders)
    except NstdError as error:
        return [fault_of("service", error)]
    findings = [_summary(launch), *_account(launch), *_program(launch), *manner(launch.unit)]
    findings += _absent(launch)
    findings += _config_file(launch)
    config, problem = _load(launch)
    if config is not None:
        findings += _uses(launch, config)
        findings += _devices(launch, config)
    findings += _installation(launch)
    with launch.environed():
        return findings + check(config, problem, folders=False)


def _summary(launch: Launch) -> Finding:
    drop_ins = len(launch.unit.files) - 1
    more = f" with {drop_ins} drop-in{'s' * (drop_ins > 1)}" if drop_ins else ""
    text = f"{launch.unit.files[0]}{more} runs {' '.join(launch.command)} as {launch.user}"
    return Finding("service", "ok", text)


def _account(launch: Launch) -> Iterator[Finding]:
    if launch.problem is not None:
        yield fault_of("service", launch.problem)
    elif launch.who is None:
        yield service_note(
            "DynamicUser=yes: who it will be is not known before, so what it may read and write is"
            " not looked at. Give it a User= to have that looked at."
        )


def _program(launch: Launch) -> Iterator[Finding]:
    program = Path(launch.command[0])
    try:
        if not program.is_absolute() or nearest(program) != program or not program.is_file():
            yield service_fault(
                f"There is no program {program}. Install nstd there, or change ExecStart=."
            )
            return
        yield from _executable(launch, program)
        interpreter = _interpreter(program)
        if interpreter is not None and nearest(interpreter) != interpreter:
            yield service_fault(
                f"{program} is run by {interpreter}, which is not there. Make the virtual"
                " environment anew: its Python was moved or replaced."
            )
        elif interpreter is not None:
            yield from _python(launch, program, interpreter)
    except NstdError as error:
        yield fault_of("service", error)
    if "run" not in launch.command[1:]:
        yield service_note(f"ExecStart= does not say `run`: {' '.join(launch.command)}. Check it.")


def _python(launch: Launch, program: Path, interpreter: Path) -> Iterator[Finding]:
    """That of a virtual environment is a link, often into the home folder of whoever made it."""
    for found in _executable(launch, interpreter):
        text = (
            f"{program} is run by {os.path.realpath(interpreter)}, which is out of {launch.user}'s"
            " reach. Make the virtual environment anew with a Python that everybody has, such as"
            " /usr/bin/python3."
        )
        yield replace(found, text=text)


def _executable(launch: Launch, program: Path) -> Iterator[Finding]:
    if rule := launch.sandbox.hides(program):
        yield _hidden(program, rule, subject="service")
    elif launch.who is not None and (found := obstacle(launch.who, program, ENTER)):
        yield _blocked(launch, program, found, subject="service")


def _interpreter(program: Path) -> Path | None:
    """The program that runs a script, going by its first line."""
    try:
        with program.open("rb") as file:
            first = file.readline(256)
    except OSError:
        return None  # who may execute a program need not be able to read it
    words = first[2:].split() if first.startswith(b"#!") else []
    return Path(os.fsdecode(words[0])) if words else None


def _absent(launch: Launch) -> Iterator[Finding]:
    for path, setting in launch.sandbox.absent:
        key, _, value = setting.partition("=")
        yield service_fault(
            f"There is no {path}, and with {setting} systemd does not start without it. Create it,"
            f" or say {key}=-{value}."
        )


def _config_file(launch: Launch) -> Iterator[Finding]:
    """Whether the service's user can read the configuration that its command names."""
    path = launch.config
    if path is None:
        yield service_note(
            "ExecStart= names no --config; it is looked for in the working folder, in the user's"
            " folders and in /etc/nstd. Name it."
        )
        return
    try:
        if nearest(path) != path:
            return  # loading it says that
        blocked = None if launch.who is None else obstacle(launch.who, path, READ)
    except AccessError:
        return  # loading it says that, too
    except NstdError as error:
        yield fault_of("config", error)
        return
    if rule := launch.sandbox.hides(path):
        yield _hidden(path, rule, ConfigError.exit_code, "config")
    elif blocked is not None:
        yield _blocked(launch, path, blocked, ConfigError.exit_code, "config")


def _load(launch: Launch) -> tuple[Config | None, ConfigError | None]:
    try:
        with launch.environed():
            config = load_config(launch.config)
    except ConfigError as error:
        return None, error
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM):
            raise
        return None, ConfigError(
            f"{error.filename} may not be read by this user", "Run this check as root"
        )
    if not config.folders:
        return config, ConfigError(
            f"{config.source or 'The configuration, which is nowhere,'} watches no folder",
            "Add one under `folders:`",
        )
    return config, None


def _uses(launch: Launch, config: Config) -> Iterator[Finding]:
    """What the daemon reads and writes, each path once."""
    watched = {folder.watch for folder in config.folders}
    for path, wanted in (_folders_used(config) | _files_used(config)).items():
        try:
            yield from _use(launch, path, wanted, expected=path in watched)
        except NstdError as error:
            yield fault_of("folder", error)
    if needs_polling(config.state_dir):
        yield service_fault(
            f"{config.state_dir} is on a network file system ({file_system(config.state_dir)}),"
            " where a ledger is not safe. Set state_dir to a folder on a local disk.",
            subject="folder",
        )


def _folders_used(config: Config) -> dict[Path, int]:
    uses = {config.state_dir: READ | WRITE | ENTER, config.cache_dir: READ | WRITE | ENTER}
    for folder in config.folders:
        keeps = folder.originals == "keep"
        wanted = READ | ENTER | (0 if keeps else WRITE)
        uses[folder.watch] = uses.get(folder.watch, 0) | wanted
        uses[folder.output] = WRITE | ENTER
        if isinstance(folder.originals, MoveOriginals):
            uses[folder.originals.move] = WRITE | ENTER
    return uses


def _files_used(config: Config) -> dict[Path, int]:
    recipes = config.recipes.values()
    images = [style.image for recipe in recipes for style in recipe.styles]
    networks = [config.network, *(recipe.network for recipe in recipes if recipe.network)]
    return dict.fromkeys([*images, *(Path(name) for name in networks if "/" in name)], READ)


def _use(launch: Launch, path: Path, wanted: int, *, expected: bool) -> Iterator[Finding]:
    writes = bool(wanted & WRITE)
    shut_in = launch.sandbox
    rule = shut_in.forbids_writing(path) if writes else shut_in.hides(path)
    if rule is not None:
        yield _hidden(path, rule) if rule.effect != "read-only" else _read_only(launch, path, rule)
        return
    if shut_in.makes(path):
        yield Finding("folder", "ok", f"{path} is made by systemd, and {launch.user}'s own")
        return
    there = nearest(path)
    if there != path and expected:
        yield service_fault(f"{path} is not there. Create it, or mount its disk.", subject="folder")
        return
    found = None if launch.who is None else obstacle(launch.who, there, wanted)
    if found is not None:
        yield _blocked(launch, path, found, 75)
    elif writes and os.statvfs(there).f_flag & os.ST_RDONLY:
        yield service_fault(
            f"{there} is mounted read-only. Mount it to be written to.", 75, "folder"
        )
    elif launch.who is not None:
        how = "written to" if writes else "read"
        yield Finding("folder", "ok", f"{path} can be {how} by {launch.user}")


def _hidden(path: Path, rule: Rule, exit_code: int = 1, subject: str = "folder") -> Finding:
    key = rule.setting.partition("=")[0]
    return service_fault(
        f"{path} is not to be seen by the service: {rule.setting} hides what is below {rule.path}."
        f" Move it elsewhere, or change {key}= with `systemctl edit`.",
        exit_code,
        subject,
    )


def _read_only(launch: Launch, path: Path, rule: Rule) -> Finding:
    name = launch.unit.name.full
    for missing, setting in launch.sandbox.passed_over:
        if path.is_relative_to(missing) and setting.startswith("ReadWritePaths="):
            remedy = f"Create {missing}: {setting} is passed over as long as it is not there"
            break
    else:
        create = "" if is_there(path) else "Create it, and a"
        remedy = f"{create or 'A'}dd ReadWritePaths={path} with `systemctl edit {name}`"
    return service_fault(
        f"{path} is read-only for the service: {rule.setting}. {remedy}.", 75, "folder"
    )


def _blocked(
    launch: Launch, path: Path, found: Obstacle, exit_code: int = 1, subject: str = "folder"
) -> Finding:
    words = {READ: "read", WRITE: "write to", ENTER: "enter" if found.path.is_dir() else "execute"}
    missing = " and ".join(word for bit, word in words.items() if found.wanted & bit)
    what = str(path) if found.path == path else f"{path}: {found.path}"
    text = f"{what} is closed to {launch.user}, who would have to {missing} it"
    # Only a list that is there, and was not read, leaves a doubt.
    verdict: Verdict = "note" if found.has_acl else "fault"
    doubt = ", unless its access control list does so already" if found.has_acl else ""
    remedy = f"Give {launch.user} access to it (chown, chgrp or chmod){doubt}"
    return Finding(subject, verdict, f"{text}. {remedy}.", exit_code)


def _devices(launch: Launch, config: Config) -> Iterator[Finding]:
    """Whether the sandbox lets it use the devices; `check` says whether they are there."""
    here = [device.name for device in list_devices()]
    names = list(config.devices) if config.devices != "auto" else here
    on_gpu = any(name.startswith("cuda") for name in names)
    if on_gpu:
        yield from _gpu(launch, asked=config.devices != "auto")
    on_cpu = "cpu" in names if config.devices != "auto" else not on_gpu
    if on_cpu and launch.unit.switch("MemoryDenyWriteExecute"):
        yield service_fault(
            "MemoryDenyWriteExecute=yes: on the CPU PyTorch writes its kernels while it runs. Set"
            " MemoryDenyWriteExecute=no."
        )


def _gpu(launch: Launch, *, asked: bool) -> Iterator[Finding]:
    hidden = hidden_gpu_groups(launch.unit, character_groups())
    if hidden:
        private = launch.unit.switch("PrivateDevices")
        lines = ", ".join(f"DeviceAllow=char-{group} rw" for group in hidden)
        why = "PrivateDevices=yes hides the GPU" if private else "The GPU is not allowed to it"
        remedy = f"Set {'PrivateDevices=no and ' if private else ''}{lines}"
        then = "" if asked else "; it would paint on the CPU"
        yield service_fault(f"{why}{then}. {remedy}.", 69, "device")
    if launch.who is None:
        return
    for node in sorted(Path("/dev").glob("nvidia*")):
        if not node.is_char_device():
            continue
        found = obstacle(launch.who, node, READ | WRITE)
        if found is not None:
            yield _blocked(launch, node, found, 69, "device")


def _installation(launch: Launch) -> Iterator[Finding]:
    """Versions, devices and codecs are looked at here, with this installation's libraries."""
    folder = Path(launch.command[0]).parent
    if folder.resolve() != Path(sys.prefix, "bin").resolve():
        yield service_note(
            f"This check runs in {sys.prefix}, the service in {folder.parent}: what is said of"
            f" versions, devices and codecs is this one's. Run {folder}/nstd check --service."
        )
