"""A process that decodes pictures one after the other, and may crash without harm.

`nstd.media.pictures` starts it, hands it open files and reads its answers. Decoders of pictures, as
those of films, are written in C: a picture that makes one crash, hang or take all memory must cost
no more than an error with a sentence.

A question is a message on a socket: JSON, and the open file. The answer is a file in memory: a line
of JSON, then the bytes of all that is no plain value, in the order of `Still`'s fields.
"""

import json
import logging
import os
import select
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from nstd.child import Notes, confine, limit_time
from nstd.errors import NstdError, UnreadableError
from nstd.files import Json, size_text
from nstd.media.read.limits import Limits
from nstd.media.still import Still, pack
from nstd.media.still_read import decode_still, look_at

LONGEST_MESSAGE = 64 << 10
"""Most bytes of a question: a path of 4,096 bytes, which may all be escaped, and some numbers."""

IDLE_SECONDS = 60.0
"""After so long without a question the process ends. To start another takes 0.25 seconds."""


def main() -> None:
    """Answer questions until there are no more.

    The only argument is JSON: `socket`, its descriptor; `parent`, the parent process; `memory`, how
    many bytes may be used.
    """
    asked = json.loads(sys.argv[1])
    confine(asked["parent"], asked["memory"], largest_file=asked["memory"])
    notes = Notes()
    logging.basicConfig(level=logging.INFO, handlers=[notes])
    with socket.socket(fileno=asked["socket"]) as channel:
        while select.select([channel], [], [], IDLE_SECONDS)[0]:
            message, descriptors, _, _ = socket.recv_fds(channel, LONGEST_MESSAGE, 1)
            if not message:
                return
            with os.fdopen(descriptors[0], "rb") as source:
                answer = _answer(json.loads(message), source, asked["memory"], notes)
            try:
                socket.send_fds(channel, [b"."], [answer])
            finally:
                os.close(answer)


def _answer(asked: Json, source: BinaryIO, memory: int, notes: Notes) -> int:
    """The descriptor of the file with the answer; see the module."""
    path = Path(asked["path"])
    limit_time(asked["seconds"])
    notes.taken.clear()
    arrays: list[bytes | memoryview] = []
    try:
        limits = Limits.from_json(asked["limits"])
        if asked["only_look"]:
            head: Json = {"still": asdict(look_at(source, path, limits))}
        else:
            head = {"still": pack(_decoded(path, source, limits, memory), arrays)}
    except NstdError as error:
        kind = type(error).__name__
        head = {"error": kind, "problem": error.problem, "remedy": error.remedy}
    descriptor = os.memfd_create("picture")
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(json.dumps(head | {"notes": notes.taken}).encode() + b"\n")
        file.writelines(arrays)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _decoded(path: Path, source: BinaryIO, limits: Limits, memory: int) -> Still:
    try:
        return decode_still(source.read(limits.still_bytes + 1), path, limits)
    except MemoryError as error:
        most = size_text(memory)
        raise UnreadableError(f"{path} needs more than {most} of memory to open") from error


if __name__ == "__main__":
    main()
