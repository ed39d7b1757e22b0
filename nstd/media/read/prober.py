"""The child process that runs `probe`; `nstd.media.read.guarded` starts it and reads its answer.

Films are opened by large libraries written in C. A film that makes them crash, hang or ask for all
memory ends only this process, and becomes an error message.
"""

import json
import logging
import os
import sys
from pathlib import Path

import cv2

from nstd.child import Notes, confine, limit_time
from nstd.errors import NstdError, UnreadableError
from nstd.files import Json, size_text
from nstd.media.frame import VideoInfo
from nstd.media.read.asking import pack
from nstd.media.read.limits import Limits
from nstd.media.read.probe import probe
from nstd.media.read.reading import Reading

_LONGEST_CHATTER = 1 << 20


def main() -> None:
    """Probe a film, and write the answer to standard output as JSON.

    The only argument is the question, as JSON: see `asking.question`.
    """
    asked = json.loads(sys.argv[1])
    # Whatever libraries print on standard output must not become part of the answer.
    answer_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    confine(asked["parent"], asked["memory"], largest_file=_LONGEST_CHATTER)
    limit_time(asked["seconds"])
    notes = Notes()
    logging.basicConfig(level=logging.INFO, handlers=[notes])
    logging.getLogger("libav").setLevel(logging.WARNING)
    try:
        found = _probe(asked)
    except NstdError as error:
        kind = type(error).__name__
        answer: Json = {"error": kind, "problem": error.problem, "remedy": error.remedy}
    else:
        answer = {"info": pack(found)}
    with os.fdopen(answer_to, "w", encoding="ascii") as pipe:
        json.dump(answer | {"notes": notes.taken}, pipe)


def _probe(asked: Json) -> VideoInfo:
    path = Path(asked["path"])
    limits = Limits.from_json(asked["limits"])
    reading = Reading.from_json(asked["reading"])
    accept = asked["accept_truncated"]
    try:
        return probe(path, accept_truncated=accept, limits=limits, reading=reading)
    except (MemoryError, cv2.error) as error:
        # Where memory cannot be allocated PyAV raises MemoryError, and OpenCV an error of its own.
        if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
            raise UnreadableError(f"{path} cannot be decoded ({error.err})") from error
        most = size_text(asked["memory"])
        raise UnreadableError(f"{path} needs more than {most} of memory to open") from error


if __name__ == "__main__":
    main()
