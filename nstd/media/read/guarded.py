"""`probe` in a child process, which may crash, hang or use up memory without harm to this one."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from nstd.child import command, environment
from nstd.errors import (
    InternalError,
    Interrupted,
    NstdError,
    StorageError,
    UnreadableError,
    from_os_error,
)
from nstd.files import descriptors_in
from nstd.media.frame import VideoInfo
from nstd.media.read.asking import error_of, question, unpack
from nstd.media.read.limits import Limits
from nstd.media.read.reading import Reading

_LOG = logging.getLogger(__name__)

MEMORY_BYTES = 6 << 30
"""The child's memory at most. An 8K picture of four channels of 16 bits takes 0.27 GB, and a
decoder holds up to 17 of them: 4.5 GB. The list of a day's packets takes half a gigabyte."""

BASE_SECONDS = 60.0
BYTES_PER_SECOND = 10e6
"""Speed of the slowest disk or network that is waited for, since all of the film is read."""

_PROBER = "nstd.media.read.prober"
POLL_SECONDS = 0.25
_REAP_SECONDS = 5.0
_CRASHES = frozenset(
    {
        signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT,
        signal.SIGTRAP, signal.SIGSYS,
    }
)  # fmt: skip


def probe_guarded(
    path: Path,
    *,
    accept_truncated: bool = False,
    limits: Limits | None = None,
    reading: Reading | None = None,
    stopping: Callable[[], bool] = lambda: False,
    alive: Callable[[], object] = lambda: None,
) -> VideoInfo:
    """Probe a film in a child process with limited memory and time.

    Args:
        path: The film.
        accept_truncated: Accept a film that ends early, as far as it goes.
        limits: How large it may be; None for the defaults.
        reading: How it is to be read; None for the defaults.
        stopping: Asked several times a second; true ends the child at once.
        alive: Called several times a second, as a sign of life.

    Raises:
        InputError: As for `probe`; also `UnreadableError` where the film crashes the libraries that
            read it, or takes more memory or computing time than any sound film.
        StorageError: The file system failed, or did not answer for too long; or somebody else
            killed the child, such as the kernel where memory is short. All of that can pass.
        Interrupted: `stopping` returned true.
    """
    path = path.absolute()
    try:
        seconds = BASE_SECONDS + path.stat().st_size / BYTES_PER_SECOND
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    asked = question(
        path,
        accept_truncated=accept_truncated,
        limits=limits or Limits(),
        reading=reading or Reading(),
        memory=MEMORY_BYTES,
        seconds=int(seconds) + 1,
    )
    with memory_file() as chatter:
        child = _start(asked, chatter, path)
        try:
            answer = _wait(child, path, seconds, stopping, alive)
        finally:
            _end(child, path)
        if child.returncode or not answer:
            raise fault_of(child.returncode, path, chatter)
    return _result(answer)


def memory_file() -> BinaryIO:
    """A file in memory for what libraries print: unlike a pipe, nobody needs to empty it.

    Raises:
        StorageError: It cannot be made, for example because too many files are open.
    """
    try:
        return os.fdopen(os.memfd_create("chatter"), "w+b")
    except OSError as error:
        raise from_os_error(error, "a file in memory", "making") from error


def _start(asked: str, chatter: BinaryIO, path: Path) -> "subprocess.Popen[bytes]":
    # One thread each: a single picture is decoded, and every thread of a decoder holds pictures.
    single = dict.fromkeys(
        ("OPENCV_FFMPEG_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"
    )
    try:
        return subprocess.Popen(  # noqa: S603 - our own program; the film's name is an argument
            command(_PROBER, asked),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=chatter,
            env=environment() | single,
            pass_fds=descriptors_in(path),
            start_new_session=True,  # Ctrl-C is for us to hear: the child would seem to crash
        )
    except OSError as error:
        raise from_os_error(error, sys.executable, "starting") from error


def _wait(
    child: "subprocess.Popen[bytes]",
    path: Path,
    seconds: float,
    stopping: Callable[[], bool],
    alive: Callable[[], object],
) -> bytes:
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer, _ = child.communicate(timeout=POLL_SECONDS)
        except subprocess.TimeoutExpired:
            alive()
            if stopping():
                raise Interrupted(f"Looking at {path} was stopped") from None
            if time.monotonic() > deadline:
                raise too_slow(cpu_seconds(child.pid), path, seconds) from None
        else:
            return answer


def _end(child: "subprocess.Popen[bytes]", path: Path) -> None:
    if child.poll() is None:
        child.kill()
        try:
            child.wait(_REAP_SECONDS)
        except subprocess.TimeoutExpired:
            # A process that waits for a disk within a system call does not even hear SIGKILL.
            _LOG.warning("The process that looks at %s hangs in the kernel", path)
    if child.stdout is not None:
        child.stdout.close()


def too_slow(spent: float, path: Path, seconds: float) -> NstdError:
    """The error for a child that gave no answer in time.

    If it computed for most of that time, the film is to blame; else the disk, which may recover.

    Args:
        spent: Seconds that the child computed.
        path: The file that it looked at.
        seconds: How long it was waited for.
    """
    if spent > seconds / 2:
        return UnreadableError(f"{path} cannot be read within {seconds:.0f} s of computing")
    return StorageError(f"{path} could not be read within {seconds:.0f} s: its disk hardly answers")


def cpu_seconds(pid: int) -> float:
    """How long a process has computed; 0 where it has ended."""
    try:
        # The command's name, in parentheses, may contain anything; fields 14 and 15 are utime and
        # stime.
        rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has just ended: nothing speaks against the film
    return (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")


def fault_of(code: int, path: Path, chatter: BinaryIO) -> NstdError:
    """The error for a child that ended without an answer.

    Args:
        code: The child's exit code; a negative one is a signal.
        path: The file that it looked at.
        chatter: What libraries printed in it.
    """
    chatter.seek(0)
    said = chatter.read().decode("utf-8", "backslashreplace").strip()
    if said:
        _LOG.debug("The process that looked at %s said: %s", path, said)
    name = signal.Signals(-code).name if code < 0 else ""
    if -code in _CRASHES:
        return UnreadableError(f"{path} crashes the decoder ({name})")
    if -code == signal.SIGXCPU:
        return UnreadableError(f"{path} takes too long to compute")
    if code < 0:
        return StorageError(
            f"The process that looked at {path} was killed ({name}), perhaps for want of memory",
            "Nothing, unless it happens again: then give the machine more memory",
        )
    last = said.splitlines()[-1] if said else f"exit code {code}"
    return InternalError(f"Looking at {path} failed unexpectedly: {last}")


def _result(answer: bytes) -> VideoInfo:
    found = json.loads(answer)
    for name, level, message in found["notes"]:
        logging.getLogger(name).log(level, "%s", message)
    if "error" in found:
        raise error_of(found)
    return unpack(found["info"])
