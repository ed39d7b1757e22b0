"""Pictures from anywhere, decoded in a process of their own, from which only pixels come back."""

import atexit
import json
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from nstd.child import command, environment
from nstd.errors import Interrupted, UnreadableError, UnsupportedError, from_os_error
from nstd.files import opened
from nstd.media.frame import ImageU8
from nstd.media.read.asking import error_of
from nstd.media.read.guarded import (
    BASE_SECONDS,
    BYTES_PER_SECOND,
    POLL_SECONDS,
    cpu_seconds,
    fault_of,
    memory_file,
    too_slow,
)
from nstd.media.read.limits import Limits
from nstd.media.still import Look, Still, style_of, unpack

_Answer = TypeVar("_Answer")

_DECODER = "nstd.media.decoder"
_LIBRARIES_BYTES = 1 << 30
_BYTES_PER_PIXEL = 32
"""Gray of 32 bits takes most: four copies of 64 bits while it is scaled to eight. The file itself
is added to this."""
_REAP_SECONDS = 5.0


def read_still(
    path: Path,
    limits: Limits | None = None,
    *,
    stopping: Callable[[], bool] = lambda: False,
    alive: Callable[[], object] = lambda: None,
) -> Still:
    """Read a picture: upright, in sRGB; decoded in a child with limited time and memory.

    Of an animation or a file with several pages the first picture is read, and the log says so.

    Args:
        path: The picture.
        limits: What it may have at most; None for the defaults.
        stopping: Asked several times a second; true ends the decoding at once.
        alive: Called several times a second, as a sign of life.

    Raises:
        VanishedError: There is no such file.
        UnreadableError: It is empty, damaged, no picture, crashes the decoder, or takes more memory
            or time to decode than any intact picture.
        UnsupportedError: It is beyond a limit; it is not decoded.
        StorageError: The file system failed, or returns nothing for too long; or somebody else
            killed the child.
        Interrupted: `stopping` was true.
    """
    return _asked(path, limits or Limits(), stopping, alive, unpack)


def look_at_still(
    path: Path,
    limits: Limits,
    *,
    stopping: Callable[[], bool] = lambda: False,
    alive: Callable[[], object] = lambda: None,
) -> Look:
    """What a picture's header tells. Like `read_still`, but no pixel is decoded."""
    return _asked(path, limits, stopping, alive, _look_of, only_look=True)


def _look_of(values: Mapping[str, Any], _: BinaryIO) -> Look:
    return Look(**dict(values) | {"size": tuple(values["size"])})


def _asked(
    path: Path,
    limits: Limits,
    stopping: Callable[[], bool],
    alive: Callable[[], object],
    told: Callable[[Mapping[str, Any], BinaryIO], _Answer],
    *,
    only_look: bool = False,
) -> _Answer:
    """The decoder's answer about a picture, as `told` reads it."""
    with opened(path, beneath=None) as descriptor:
        size = os.fstat(descriptor).st_size
        limits.require_still_bytes(path, size)
        if not size:
            raise UnreadableError(f"{path} is empty")
        wait = _Wait(path, BASE_SECONDS + size / BYTES_PER_SECOND, stopping, alive)
        question = json.dumps(
            {
                "path": str(path),
                "limits": limits.to_json(),
                "seconds": int(wait.seconds) + 1,
                "only_look": only_look,
            }
        )
        pixels = int(limits.still_megapixels * 1e6)
        memory = _LIBRARIES_BYTES + limits.still_bytes + pixels * _BYTES_PER_PIXEL
        answer = _decoders.ask(question.encode(), descriptor, memory, wait)
        with os.fdopen(answer, "rb") as file:
            head = json.loads(file.readline())
            for name, level, message in head["notes"]:
                logging.getLogger(name).log(level, "%s", message)
            if "error" in head:
                raise error_of(head)
            return told(head["still"], file)


def read_style_image(path: Path, max_edge: int = 4096) -> ImageU8:
    """Read a style image: on white where it is transparent, and scaled down if it is huge.

    Args:
        path: The picture.
        max_edge: Most pixels of its longer edge; a larger picture is scaled down.

    Returns:
        uint8 `[height, width, 3]`, sRGB.

    Raises:
        InputError: It cannot be read; see `read_still`.
        StorageError: The file system failed.
    """
    try:
        still = read_still(path)
    except UnsupportedError as error:  # not the configuration's: a style needs no detail
        raise UnsupportedError(error.problem, "Scale it down first") from error
    return style_of(still, max_edge)


class _Wait:
    """How long to wait for an answer about `path`, and what is called meanwhile."""

    def __init__(
        self,
        path: Path,
        seconds: float,
        stopping: Callable[[], bool],
        alive: Callable[[], object],
    ) -> None:
        self.path, self.seconds = path, seconds
        self._stopping, self._alive = stopping, alive

    def until_readable(self, channel: socket.socket, pid: int) -> None:
        """Wait for a message on `channel` from the process `pid`.

        Raises:
            Interrupted, UnreadableError, StorageError: None came.
        """
        begun, spent = time.monotonic(), cpu_seconds(pid)
        while not select.select([channel], [], [], POLL_SECONDS)[0]:
            self._alive()
            if self._stopping():
                raise Interrupted(f"Reading {self.path} was stopped")
            if time.monotonic() - begun > self.seconds:
                raise too_slow(cpu_seconds(pid) - spent, self.path, self.seconds)


class _Child(threading.Thread):
    """A thread that starts the child and waits for its end.

    The system ends a child with the thread that started it: so the child outlives whatever thread
    first had a picture, and is no zombie if it ends by itself.
    """

    def __init__(self, asked: str, channel: int, chatter: BinaryIO) -> None:
        super().__init__(name="decoder", daemon=True)
        self._command = command(_DECODER, asked)
        self._channel, self._chatter = channel, chatter
        self._begun = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._error: OSError | None = None

    def run(self) -> None:
        """Called by `start`."""
        single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=self._chatter,
                stderr=self._chatter,
                env=environment() | single,
                pass_fds=[self._channel],
                start_new_session=True,  # Ctrl-C is for this process alone
            )
        except OSError as error:
            self._error = error
        finally:
            self._begun.set()
        if self._process is not None:
            self._process.wait()

    def process(self) -> "subprocess.Popen[bytes]":
        """The process, once it has begun.

        Raises:
            StorageError: It cannot be started.
        """
        self._begun.wait()
        if self._process is None:
            error = self._error or OSError("it did not begin")
            raise from_os_error(error, sys.executable, "starting") from error
        return self._process


class _Decoder:
    """A child that decodes, with `memory` bytes at its disposal."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.parent = os.getpid()
        self._chatter = memory_file()
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asked = json.dumps({"socket": other.fileno(), "parent": self.parent, "memory": memory})
        with other:
            self._child = _Child(asked, other.fileno(), self._chatter)
            self._child.start()
            self.process = self._child.process()

    @property
    def lives(self) -> bool:
        """Whether the child has not ended."""
        return self._child.is_alive()

    def ask(self, question: bytes, descriptor: int, wait: _Wait) -> int | None:
        """The descriptor of an answer; None if the child had ended before, for want of questions.

        Raises:
            NstdError: There is no answer: because of the picture, or of a failure that may pass.
        """
        self._chatter.seek(0)
        self._chatter.truncate()
        descriptors: list[int] = []
        with suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._channel, [question], [descriptor])
            wait.until_readable(self._channel, self.process.pid)
            _, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
        if descriptors:
            return descriptors[0]
        self._child.join(_REAP_SECONDS)
        if not self.process.returncode:
            return None
        raise fault_of(self.process.returncode, wait.path, self._chatter)

    def close(self) -> None:
        """End the child, if it is running."""
        if self.parent == os.getpid():
            self.process.kill()
            self._child.join(_REAP_SECONDS)
        self._channel.close()
        self._chatter.close()


class _Decoders:
    """The child in use; it is replaced when it has ended or needs more memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoder: _Decoder | None = None
        atexit.register(self.close)

    def ask(self, question: bytes, descriptor: int, memory: int, wait: _Wait) -> int:
        """The descriptor of the answer to a question about an open file.

        Raises:
            NstdError: There is no answer; the child is then ended.
        """
        with self._lock:
            while True:
                decoder = self._ready(memory)
                answer = None
                try:
                    answer = decoder.ask(question, descriptor, wait)
                finally:
                    if answer is None:
                        self.close()
                if answer is not None:
                    return answer

    def _ready(self, memory: int) -> _Decoder:
        old = self._decoder
        if old is None or old.memory != memory or old.parent != os.getpid() or not old.lives:
            self.close()
            self._decoder = _Decoder(memory)
        assert self._decoder is not None  # noqa: S101 - for the type checker
        return self._decoder

    def close(self) -> None:
        """End the child."""
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()


_decoders = _Decoders()
