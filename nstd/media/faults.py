"""Errors of PyAV, translated: what its `FFmpegError`s mean for a film read or written."""

from pathlib import Path

import av

from nstd.errors import (
    NstdError,
    UnreadableError,
    UnsupportedError,
    from_os_error,
)


def reading_error(error: av.FFmpegError, path: Path) -> NstdError:
    """Translate what went wrong while the film `path` was read."""
    if isinstance(error, OSError):
        return from_os_error(error, path, "reading")
    lacking = (av.error.DecoderNotFoundError, av.error.DemuxerNotFoundError)
    if isinstance(error, (*lacking, av.error.PatchWelcomeError)):
        return UnsupportedError(f"{path} uses a feature ffmpeg cannot read ({error.strerror})")
    return UnreadableError(f"{path} is not a film, or is damaged ({error.strerror})")


def writing_error(error: av.FFmpegError, path: Path) -> NstdError:
    """Translate what went wrong while `path` was encoded or joined."""
    if isinstance(error, OSError):
        return from_os_error(error, path, "writing")
    return UnsupportedError(
        f"The encoder or the container refused {path} ({error.strerror})",
        "Try another codec or container; `nstd check` lists those that work here",
    )
