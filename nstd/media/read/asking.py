"""The JSON that passes between whoever wants a film probed and the process that probes it.

Nothing here needs the libraries that open films, so whoever asks need not load them.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import nstd.errors
from nstd.errors import NstdError
from nstd.files import Json
from nstd.media.frame import VideoInfo
from nstd.media.read.limits import Limits
from nstd.media.read.reading import Reading


def question(
    path: Path, *, accept_truncated: bool, limits: Limits, reading: Reading, **bounds: int
) -> str:
    """The question to `prober.main`.

    Args:
        path: The film.
        accept_truncated: As for `probe`.
        limits: As for `probe`.
        reading: As for `probe`.
        **bounds: What the child may take: `memory` in bytes, `seconds` of computing.
    """
    asked = {"path": os.fspath(path), "accept_truncated": accept_truncated}
    how = {"limits": limits.to_json(), "reading": reading.to_json(), "parent": os.getpid()}
    return json.dumps(asked | bounds | how)


def pack(info: VideoInfo) -> Json:
    """The facts of a film in plain values."""
    values = asdict(info)
    return {key: str(v) if isinstance(v, Fraction) else v for key, v in values.items()}


def unpack(data: Mapping[str, Any]) -> VideoInfo:
    """The facts of a film from what `pack` wrote, without any loss."""
    values = dict(data)
    for field in fields(VideoInfo):
        if field.type is Fraction:
            values[field.name] = Fraction(values[field.name])
        elif isinstance(values.get(field.name), list):  # JSON has no tuples
            values[field.name] = tuple(values[field.name])
    return VideoInfo(**values)


def error_of(answer: Mapping[str, Any]) -> NstdError:
    """The error that an answer reports."""
    kind = getattr(nstd.errors, answer["error"])
    error: NstdError = kind(answer["problem"].split("\n"), answer["remedy"])
    return error
