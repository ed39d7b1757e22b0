"""The configuration: what config.yaml says, and the defaults."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, PrivateAttr

from nstd.config.limits import LimitsConfig
from nstd.config.output import OutputConfig
from nstd.config.places import BatchConfig, EntryConfig, FolderConfig
from nstd.config.reading import ReadingConfig
from nstd.config.recipe import RecipeConfig, RecipeName
from nstd.config.values import (
    Context,
    FolderPath,
    NetworkName,
    Number,
    Section,
    Switch,
    WholeNumber,
    as_switch,
    as_whole_number,
)
from nstd.config.words import quote
from nstd.errors import ConfigError
from nstd.media.read.limits import Limits
from nstd.media.read.reading import Reading
from nstd.style.recipe import StyleRecipe

Auto = Literal["auto"]
LogLevel = Literal["debug", "info", "warning", "error"]
AfterUpgrade = Literal["continue", "refuse"]

DEFAULT_NETWORK = str(StyleRecipe.__dataclass_fields__["network"].default)

_DEVICE = re.compile(r"cpu|mps|cuda:(0|[1-9][0-9]{0,2})")
_LONGEST_WAIT = 86_400.0
_SHORTEST_TIMEOUT = 10.0
"""Seconds: loading torch and a network on a slow disk must not look like a worker that hangs."""


def default_state_dir() -> Path:
    """Where the ledger and half-made films live: systemd's folder, else XDG's.

    Raises:
        ConfigError: There is no home folder to put it in.
    """
    return _own_folder("STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state", "state_dir")


def default_cache_dir() -> Path:
    """Where weights and style targets are cached: systemd's folder, else XDG's.

    Raises:
        ConfigError: There is no home folder to put it in.
    """
    return _own_folder("CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache", "cache_dir")


def xdg_folder(variable: str, usual: str) -> Path:
    """The folder that the XDG `variable` names, or `usual` below the home folder.

    Raises:
        RuntimeError: There is no home folder, as `Path.home` says it.
    """
    named = os.environ.get(variable, "")
    # The specification: a relative path in these variables is invalid and to be ignored.
    return Path(named) if named.startswith("/") else Path.home() / usual


def _own_folder(systemd: str, xdg: str, usual: str, key: str) -> Path:
    if named := os.environ.get(systemd, "").split(":")[0]:
        return Path(named)
    try:
        return xdg_folder(xdg, usual) / "nstd"
    except RuntimeError as error:
        raise ConfigError(
            "There is no home folder", f"Set HOME or {xdg}, or give {key} in config.yaml"
        ) from error


def _devices(value: object) -> Auto | tuple[str, ...]:
    if value == "auto":
        return "auto"
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise ValueError(f"{quote(value)} is neither auto nor a list of devices")
    for name in names:
        if not isinstance(name, str) or not _DEVICE.fullmatch(name):
            raise ValueError(
                f"{quote(name)} is no device; devices are cpu, cuda:0, cuda:1… and mps"
            )
    if len(set(names)) < len(names):
        raise ValueError("a device is named twice")
    return tuple(names)


def _threads(value: object) -> int | Auto:
    if value == "auto":
        return "auto"
    try:
        number = as_whole_number(value)
    except ValueError as error:
        raise ValueError(f"{quote(value)} is neither auto nor a whole number") from error
    if not 1 <= number <= 1024:
        raise ValueError(f"{number} is not between 1 and 1024")
    return number


def _polling(value: object) -> bool | Auto:
    if value == "auto":
        return "auto"
    try:
        return as_switch(value)
    except ValueError as error:
        raise ValueError(f"{quote(value)} is neither auto nor yes nor no") from error


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Seconds = Annotated[Number, Field(gt=0, le=_LONGEST_WAIT)]


class Config(Section):
    """Everything that config.yaml can say.

    Attributes:
        state_dir: The ledger and half-made films.
        cache_dir: Weights and style targets; may be deleted at any time.
        devices: "auto", or the devices to paint on, one worker each.
        network: Name or weights file for recipes that name none.
        recipes: The looks, by name.
        folders: The watched folders.
        batch: What `nstd batch` paints besides.
        output: How films are encoded.
        reading: How films are read.
        limits: How large sources may be, and how much stays free on the disks.
        segment_frames: A segment ends after this many frames.
        settle_seconds: A file is ready when two looks this far apart found it unchanged.
        unsure_seconds: Where it is unknown whether a file is still written to, it is ready only
            after it was unchanged for so long; see `nstd.intake.writers`.
        grace_seconds: A film that does not open is tried again until its last change is this old.
        reconcile_seconds: Time between the scans that find what events have missed.
        polling: Whether to look into folders instead of waiting for the kernel's events; "auto"
            decides by the kind of file system.
        accept_truncated: Whether a film that ends before its own header says so is painted as far
            as it goes.
        strict: Whether a film of which anything would be lost is refused.
        threads: CPU threads of each worker.
        worker_timeout_seconds: A worker without a sign of life for so long is replaced.
        after_upgrade: What becomes of a half-made film when versions in its execution plan have
            changed.
        log_level: Least severity that is logged.
    """

    state_dir: FolderPath = Field(default_factory=default_state_dir)
    cache_dir: FolderPath = Field(default_factory=default_cache_dir)
    devices: Annotated[Auto | tuple[str, ...], PlainValidator(_devices)] = "auto"
    network: NetworkName = DEFAULT_NETWORK
    recipes: dict[RecipeName, RecipeConfig] = Field(default_factory=dict)
    folders: tuple[FolderConfig, ...] = ()
    batch: tuple[BatchConfig, ...] = ()
    output: OutputConfig = Field(default_factory=OutputConfig)
    reading: ReadingConfig = Field(default_factory=ReadingConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    segment_frames: Annotated[WholeNumber, Field(ge=1, le=100_000)] = 48
    settle_seconds: Seconds = 5.0
    unsure_seconds: Seconds = 60.0
    grace_seconds: Annotated[Number, Field(ge=0, le=_LONGEST_WAIT)] = 60.0
    reconcile_seconds: Seconds = 60.0
    polling: Annotated[Auto | bool, PlainValidator(_polling)] = "auto"
    accept_truncated: Switch = False
    strict: Switch = False
    threads: Annotated[Auto | int, PlainValidator(_threads)] = "auto"
    worker_timeout_seconds: Annotated[Number, Field(ge=_SHORTEST_TIMEOUT, le=_LONGEST_WAIT)] = 600.0
    after_upgrade: Annotated[AfterUpgrade, BeforeValidator(_lower)] = "continue"
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = "info"

    _source: Path | None = PrivateAttr(default=None)
    _ignored: Path | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Keep the name of the file it was read from, and of one that was passed over."""
        if isinstance(context, Context):
            self._source, self._ignored = context.source, context.ignored

    @property
    def source(self) -> Path | None:
        """The file it was read from, or None."""
        return self._source

    @property
    def file(self) -> str:
        """What a message calls the file to be changed; where there is none, how to make one."""
        made = "config.yaml (`nstd init` writes one)"
        return made if self._source is None else str(self._source)

    @property
    def ignored(self) -> Path | None:
        """A file in the working folder that was passed over as another program's, or None."""
        return self._ignored

    def output_of(self, entry: EntryConfig) -> OutputConfig:
        """How the films of `entry` are encoded: `output`, overridden by its `encode`."""
        return self.output if entry.encode is None else self.output.overridden(entry.encode)

    def limits_of(self, entry: EntryConfig | None = None) -> Limits:
        """The limits of the films of `entry`: `limits`, overridden by its own."""
        return self.limits.limits(None if entry is None else entry.limits)

    def reading_of(self, entry: EntryConfig | None = None) -> Reading:
        """How the films of `entry` are read: `reading`, overridden by its own."""
        return self.reading.reading(None if entry is None else entry.reading)

    def accepts_truncated(self, entry: EntryConfig) -> bool:
        """Whether films of `entry` that end early are painted as far as they go."""
        own = entry.accept_truncated
        return self.accept_truncated if own is None else own

    def is_strict(self, entry: EntryConfig) -> bool:
        """Whether films of `entry` of which anything would be lost are refused."""
        return self.strict if entry.strict is None else entry.strict
