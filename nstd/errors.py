"""Everything that can go wrong, as one tree.

    NstdError
    ├── UsageError              2   the command line asks for something impossible
    │   └── OutputExistsError   2   the output is there already and may not be replaced
    ├── ConfigError            78   config.yaml (or a recipe) is wrong
    ├── DeviceError            69   the device asked for is missing or cannot be used
    │   └── DeviceMemoryError  69   the device's memory is too small for the plan
    ├── ShortMemoryError       75   its memory is large enough, but other programs use it now
    ├── InputError              1   a film, picture or style image cannot be used
    │   ├── UnreadableError     1   it is not what it claims to be, or is damaged
    │   ├── TruncatedError      1   it ends before its own header says it does
    │   ├── UnsupportedError    1   it is sound, but nstd cannot handle its kind
    │   ├── LossError           1   something of it would be lost, which was not allowed
    │   ├── VanishedError       1   it was there, and is gone
    │   ├── InternalError       1   nstd itself failed on it, which is a bug
    │   ├── ChangedError       75   it was overwritten while it was being painted
    │   └── BeingWrittenError  75   a program still has it open for writing
    ├── WeightsError            1   a network's weights are missing, damaged or unknown
    │   └── DownloadError      75   fetching weights failed; nothing half-fetched is used
    ├── StorageError           75   the file system would not do what it was asked
    │   ├── DamagedError       75   what was painted so far is damaged; it is painted again
    │   ├── DiskFullError      75   no space (or quota) left
    │   ├── AccessError        75   permission denied
    │   └── MountError         75   a folder, or its disk, is not there, or read-only
    ├── LedgerError             1   the ledger of jobs cannot be used
    │   └── BusyError          75   another process holds what was asked for
    ├── PlanError               1   a half-made film cannot be continued as it was begun
    ├── WorkerError             1   worker processes end again and again
    ├── VerificationError       1   a finished film is not what was promised, and not published
    └── Interrupted            75   work was stopped on request; what was painted is kept

The number is the process's exit code (sysexits.h: 69 unavailable, 75 temporary failure, 78
configuration). `retryable` says whether the same work may succeed later with nothing changed by
hand. Every error carries two sentences: what is wrong, and what to do about it. Errors of other
libraries are translated where they enter (`raise … from error`), never further up.
"""

import errno
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

_logger = logging.getLogger(__name__)

_LONGEST_CAUSE = 300
"""Characters of a foreign exception's own words that a sentence repeats."""


_shown_as: dict[str, str] = {}


@contextmanager
def shown_as(path: str, name: str) -> Iterator[None]:
    """Show `path`, which has a meaning in this process alone, as `name` while the block lasts."""
    _shown_as[path] = name
    try:
        yield
    finally:
        del _shown_as[path]


def visible(text: str | bytes | os.PathLike[str]) -> str:
    """A name, or a text that may contain one, made safe to show: on one line, all of it printable.

    A file's name may contain any byte but "/" and NUL: line feeds, after which it could look like
    another line of the log; escape codes, which terminals obey; marks that turn the direction of
    writing; and bytes that are no text. All that is not printable is escaped; a backslash in the
    name is not. Paths that `shown_as` renames have their other name.
    """
    decoded = os.fsdecode(text)
    for path, name in tuple(_shown_as.items()):
        if path in decoded:
            decoded = re.sub(rf"{path}(?!\d)", name.replace("\\", r"\\"), decoded)
    if decoded.isprintable():
        return decoded
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in decoded
    )


class NstdError(Exception):
    """Base of the tree. Its sentences can be shown anywhere: see `visible`.

    Args:
        problem: What is wrong: one sentence, without its full stop, naming the thing it is about;
            or several, one a line.
        remedy: What the user can do: one sentence, without its full stop. Defaults to the class's.

    Attributes:
        kind: The name of its class in the tree, for programs: these names stay.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    default_remedy: ClassVar[str] = "Run the command again with --debug and report what it prints"

    def __init__(self, problem: str | Sequence[str], remedy: str | None = None) -> None:
        sentences = (problem,) if isinstance(problem, str) else problem
        self.problem = "\n".join(visible(sentence) for sentence in sentences)
        self.remedy = self.default_remedy if remedy is None else visible(remedy)
        names = (one.__name__ for one in type(self).__mro__)
        self.kind = next(name for name in names if not name.startswith("_"))
        super().__init__(self.problem)

    def __str__(self) -> str:
        return " ".join(
            one if one.endswith((".", "?", "!")) else f"{one}."
            for one in (self.problem, self.remedy)
        )


class UsageError(NstdError):
    """The command line asks for something impossible."""

    exit_code = 2
    default_remedy = "See --help"


class OutputExistsError(UsageError):
    """The output is there already and may not be replaced."""

    default_remedy = "Choose another output, or allow it to be replaced with --overwrite"


class ConfigError(NstdError):
    """The configuration, or a recipe in it, is wrong."""

    exit_code = 78
    default_remedy = "Correct the file; `nstd check` reads it without starting anything"


class DeviceError(NstdError):
    """The device asked for is missing or cannot be used."""

    exit_code = 69
    default_remedy = "`nstd check` lists the devices that work; name one of those"


class DeviceMemoryError(DeviceError):
    """The device's memory is too small for the plan."""

    default_remedy = "Lower the levels' size or the optimizer's history, or use a larger device"


class ShortMemoryError(NstdError):
    """The device's memory is large enough, but other programs use it now."""

    exit_code = 75
    retryable = True
    default_remedy = "End other programs, or wait until they need less"


class InputError(NstdError):
    """A film, picture or style image cannot be used."""

    default_remedy = "Check the file with another program and copy it here again"


class UnreadableError(InputError):
    """It is not what it claims to be, or is damaged."""


class TruncatedError(InputError):
    """It ends before its own header says it does."""

    default_remedy = (
        "Copy it again from its origin, or paint what is there with --accept-truncated (in"
        " config.yaml: accept_truncated: yes, then `nstd add --again`)"
    )


class UnsupportedError(InputError):
    """It is sound, but nstd cannot handle its kind."""

    default_remedy = "Convert it first, for example with ffmpeg"


class LossError(InputError):
    """Something of it would be lost, and the job does not allow that."""

    default_remedy = "Choose another container or codec, or allow it: leave --strict out"


class VanishedError(InputError):
    """It was there, and is gone."""

    default_remedy = "Put it back"


class InternalError(InputError):
    """nstd itself failed on this file, which is a bug; all other files go on."""

    default_remedy = "Report it with what the log says of it; all other files go on"


class ChangedError(InputError):
    """It was overwritten while it was being painted."""

    exit_code = 75
    retryable = True
    default_remedy = "The daemon paints the new content once it has settled; else paint it again"


class BeingWrittenError(InputError):
    """A program still has it open for writing."""

    exit_code = 75
    retryable = True
    default_remedy = "Wait until it is closed, and try again"


class WeightsError(NstdError):
    """A network's weights are missing, damaged or unknown."""

    default_remedy = "`nstd weights list` shows the networks at hand and how to get the others"


class DownloadError(WeightsError):
    """Fetching weights failed."""

    exit_code = 75
    retryable = True
    default_remedy = "Try again: what was fetched so far is kept and continued"


class StorageError(NstdError):
    """The file system would not do what it was asked."""

    exit_code = 75
    retryable = True
    default_remedy = "Check the disk and the folder, then try again"


class DamagedError(StorageError):
    """What was painted so far is damaged."""

    default_remedy = "Nothing to do: the next try paints again what is damaged"


class DiskFullError(StorageError):
    """No space (or quota) left."""

    default_remedy = "Free some space; what is painted so far is kept and continued"


class AccessError(StorageError):
    """Permission denied."""

    default_remedy = "Give the user nstd runs as access to it"


class MountError(StorageError):
    """A folder, or its disk, is not there, is another one, or is read-only."""

    default_remedy = "Mount its disk; what waits for it goes on by itself"


class LedgerError(NstdError):
    """The ledger of jobs cannot be used."""

    default_remedy = "Move the state folder aside to start a new ledger; outputs are not touched"


class BusyError(LedgerError):
    """Another process holds what was asked for."""

    exit_code = 75
    retryable = True
    default_remedy = "Wait for the other process to end, or set another state_dir in config.yaml"


class PlanError(NstdError):
    """A half-made film cannot be continued as it was begun."""

    default_remedy = "Finish it where it was begun, or queue the film again"


class WorkerError(NstdError):
    """Worker processes end again and again."""

    default_remedy = "`nstd check` says what works here; `nstd run --debug` logs more"


class VerificationError(NstdError):
    """A finished film is not what was promised, so it was not published."""

    default_remedy = "Run the command again with --debug and report what it prints"


class Interrupted(NstdError):  # noqa: N818 - not a fault: a request that was honored
    """Work was stopped on request; what was painted is kept."""

    exit_code = 75
    retryable = True
    default_remedy = "Run the same command again to continue where it stopped"


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


def from_os_error(error: OSError, path: Path | str, doing: str) -> NstdError:
    """Translate an `OSError` met while `doing` something (a verb phrase) to `path`.

    Returns the error instead of raising it, so that the caller's `raise … from error` keeps the
    cause in sight.
    """
    name = str(path)
    if error.errno in _FULL:
        return DiskFullError(f"No space is left for {doing} {name}")
    if error.errno in _DENIED:
        return AccessError(f"No permission for {doing} {name}")
    # Where an output's folder is not there, its disk may be gone, which can pass.
    if error.errno == errno.ENOENT and doing == "reading":
        return VanishedError(f"There is no {name}", "Check the path")
    return StorageError(f"{doing.capitalize()} {name} failed: {error.strerror or error}")


@contextmanager
def contained(path: Path, doing: str) -> Iterator[None]:
    """Keep what goes wrong with one file from stopping the work on others.

    An exception that is no `NstdError`, which is a bug in nstd that this file triggers, is logged
    with its traceback and raised as one.

    Args:
        path: The file.
        doing: What is done with it, as a participle such as "queueing".

    Raises:
        InternalError: Instead of any other exception.
        NstdError: As it was raised, or instead of an `OSError`, which may pass.
    """
    try:
        yield
    except NstdError:
        raise
    except Exception as error:
        raise unforeseen(error, path, doing) from error


def unforeseen(error: Exception, path: Path, doing: str) -> NstdError:
    """Log an unexpected exception with its traceback, and give the `NstdError` to raise instead."""
    if isinstance(error, OSError):
        # A disk or mount that fails in an unexpected place may work again later, as elsewhere.
        _logger.warning("An error of the system met %s %s", doing, path, exc_info=error)
        named = error.filename if isinstance(error.filename, str) else path
        return from_os_error(error, named, doing)
    _logger.error("A fault that nobody foresaw met %s %s", doing, path, exc_info=error)
    cause = f"{type(error).__name__}: {error}"[:_LONGEST_CAUSE]
    return InternalError(f"{path} is refused: {doing} it failed unexpectedly: {cause}")
