"""The tree of errors: as it is drawn, with a code, a remedy and a translation for each."""

import errno
import inspect
import re
from pathlib import Path

import pytest

from nstd import errors
from nstd.errors import (
    AccessError,
    DiskFullError,
    NstdError,
    StorageError,
    UsageError,
    VanishedError,
    from_os_error,
)

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, NstdError)
}


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Parent and exit code of each class, read from the module's docstring."""
    branches: list[str] = []
    found: dict[str, tuple[str | None, int | None]] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"    ((?:│   |    )*(?:[├└]── )?)([A-Z]\w+)(?: +(\d+)   \S.*)?", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        branches[depth:] = [match[2]]
        parent = branches[depth - 1] if depth else None
        found[match[2]] = (parent, int(match[3]) if match[3] else None)
    return found


def test_the_drawing_has_every_class_at_its_place_with_its_exit_code() -> None:
    there = {
        name: (None, None) if kind is NstdError else (kind.__mro__[1].__name__, kind.exit_code)
        for name, kind in CLASSES.items()
    }
    assert drawn() == there


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_every_error_says_what_is_wrong_and_what_to_do(kind: type[NstdError]) -> None:
    error = kind("The film is upside down")
    assert re.fullmatch(r"(?s)[A-Z`].*[^.]", kind.default_remedy)
    assert str(error) == f"The film is upside down. {kind.default_remedy}."
    assert (error.problem, error.remedy) == ("The film is upside down", kind.default_remedy)
    assert str(kind("It is dark", "Open the curtain")) == "It is dark. Open the curtain."


def test_a_sentence_that_ends_by_itself_gets_no_full_stop() -> None:
    error = UsageError("“wodcut” is no style; did you mean “woodcut”?", "Look at `nstd styles`")
    assert str(error) == "“wodcut” is no style; did you mean “woodcut”? Look at `nstd styles`."


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_what_may_work_later_is_what_ends_with_75(kind: type[NstdError]) -> None:
    assert kind.retryable == (kind.exit_code == 75)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EFBIG, DiskFullError),
        (errno.EACCES, AccessError),
        (errno.EPERM, AccessError),
        (errno.EROFS, AccessError),
        (errno.ENOENT, VanishedError),
        (errno.EIO, StorageError),
        (errno.ENOTDIR, StorageError),
    ],
)
def test_an_error_of_the_system_is_translated_by_its_number(
    number: int, kind: type[NstdError]
) -> None:
    error = from_os_error(OSError(number, "It says so"), Path("/films/a.mp4"), "reading")
    assert type(error) is kind
    assert "/films/a.mp4" in error.problem
    assert error.problem[0].isupper()


def test_an_error_of_the_system_without_a_number_keeps_its_words() -> None:
    error = from_os_error(OSError("odd"), "/films/a.mp4", "reading")
    assert type(error) is StorageError
    assert error.problem == "Reading /films/a.mp4 failed: odd"
