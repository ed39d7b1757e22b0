"""How long a film that does not open is waited for: it may still be coming."""

from pathlib import Path

from nstd.errors import InputError, InternalError, NstdError, UnsupportedError


def opens_later(error: NstdError) -> bool:
    """Whether a film that `error` was met with may open once all of it has come."""
    return isinstance(error, InputError) and not isinstance(error, UnsupportedError | InternalError)


def seconds_of_grace(source: Path, grace_seconds: float, now: float) -> float:
    """How long a film that does not open may still be in the making; 0 or less: no longer.

    Args:
        source: The film.
        grace_seconds: How old its last change must be.
        now: Seconds since the epoch.
    """
    try:
        age = now - source.stat().st_ctime
    except OSError:
        return 0.0  # gone: the next look finds out
    # Changed in the future: the clock was set back, and says nothing.
    return grace_seconds - age if age >= 0 else 0.0
