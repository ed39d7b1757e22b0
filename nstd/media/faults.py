"""Errors of PyAV, translated: what its `FFmpegError`s mean for a film read or written."""

from pathlib import Path

import av

from nstd.errors import NstdError, UnreadableError, UnsupportedError, from_os_error

_PIECE = 1 << 20


def reading_error(error: av.FFmpegError, path: Path) -> NstdError:
    """Translate what went wrong while the film `path` was read."""
    # ffmpeg uses the system's numbers for its own errors, too: a playlist that names a file it may
    # not open is EPERM, a header that promises too much is EIO or EBUSY. Failures of the file
    # system pass, or get mended; such a film stays as it is, and must not be tried again and again.
    if isinstance(error, OSError) and (fault := _fault_of_file_system(path)) is not None:
        return from_os_error(fault, path, "reading")
    lacking = (av.error.DecoderNotFoundError, av.error.DemuxerNotFoundError)
    if isinstance(error, (*lacking, av.error.PatchWelcomeError)):
        return UnsupportedError(f"{path} uses a feature ffmpeg cannot read ({error.strerror})")
    return UnreadableError(f"{path} is not a film, or is damaged ({error.strerror})")


def _fault_of_file_system(path: Path) -> OSError | None:
    """The error of reading the file to its end without ffmpeg, or None."""
    try:
        with path.open("rb") as file:
            while file.read(_PIECE):
                pass
    except OSError as error:
        return error
    return None


def writing_error(error: av.FFmpegError, path: Path) -> NstdError:
    """Translate what went wrong while `path` was encoded or joined."""
    if isinstance(error, OSError):
        return from_os_error(error, path, "writing")
    return UnsupportedError(
        f"The encoder or the container refused {path} ({error.strerror})",
        "Try another codec or container; `nstd check` lists those that work here",
    )
