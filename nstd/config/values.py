"""The types of values in a configuration; each says in its own words what is wrong with one."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo

from nstd.config.words import did_you_mean, nearest, quote
from nstd.errors import NstdError
from nstd.files import opened
from nstd.gallery import find_style, is_bare, list_styles


class KeyFaultError(ValueError):
    """What is wrong with one key of a section, seen together with others.

    Args:
        key: The one.
        sentence: What is wrong; it names the thing, since the key may stand in another file.
    """

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


@dataclass(frozen=True, slots=True)
class Context:
    """What validation needs to know of where the values come from.

    Attributes:
        base: Folder that relative paths are relative to.
        source: The file, or None.
        ignored: Another program's file that was passed over, or None.
        within: The values may name files in this folder, and those in `known`, only: they were
            written by somebody else than who configures nstd. None where any file may be named.
        known: Files that may be named wherever they lie.
    """

    base: Path
    source: Path | None = None
    ignored: Path | None = None
    within: Path | None = None
    known: frozenset[str] = frozenset()


class Section(BaseModel):
    """A set of keys. Immutable; unknown keys are refused; a key without a value is not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """All keys that may be given, in order."""
        return tuple(key for names in cls._names() for key in names)

    @classmethod
    def synonyms(cls, key: str) -> tuple[str, ...]:
        """The other keys that mean the same as `key`."""
        same = (other for names in cls._names() if key in names for other in names)
        return tuple(other for other in same if other != key)

    @classmethod
    def field_of(cls, key: str) -> FieldInfo:
        """The field that is given under `key`, by whichever of its names."""
        names = zip(cls._names(), cls.model_fields.values(), strict=True)
        return next(field for keys, field in names if key in keys)

    @classmethod
    def _names(cls) -> list[tuple[str, ...]]:
        """The keys of each field."""
        names = []
        for name, field in cls.model_fields.items():
            alias = field.validation_alias
            choices = alias.choices if isinstance(alias, AliasChoices) else [name]
            names.append(tuple(str(choice) for choice in choices))
        return names

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known = cls.keys()
        return {k: v for k, v in data.items() if v is not None or k not in known}


_WHOLE = re.compile(r"\s*[-+]?[0-9]{1,18}\s*")
_NUMBER = re.compile(r"\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\s*")
_LARGEST = 1e300
_SWITCH = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


def _pythons(value: object) -> object:
    """A number or truth value of another package's type, such as NumPy's, as Python's own."""
    if isinstance(value, int | float):
        return value
    dtype = getattr(value, "dtype", None)
    if getattr(value, "shape", None) == () and getattr(dtype, "kind", None) == "b":
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def as_number(value: object) -> float:
    """A finite number, also NumPy's, or written as text: the command line has only texts.

    Raises:
        ValueError: It is none.
    """
    value = _pythons(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{quote(value)} is not a number")  # noqa: TRY004 - pydantic collects these
    if not -_LARGEST < value < _LARGEST:
        finite = -math.inf < value < math.inf
        raise ValueError(f"{quote(value)} is {'too large' if finite else 'not a finite number'}")
    return float(value)


def as_whole_number(value: object) -> int:
    """A whole number, also NumPy's, or written as text or as 1e3.

    Raises:
        ValueError: It is none.
    """
    value = _pythons(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError(f"{quote(value)} is not a whole number")


def as_switch(value: object) -> bool:
    """Yes or no, also NumPy's, or written as text.

    Raises:
        ValueError: It is neither.
    """
    value = _pythons(value)
    if isinstance(value, str) and value.lower() in _SWITCH:
        return _SWITCH[value.lower()]
    if not isinstance(value, bool):
        raise ValueError(f"{quote(value)} is neither yes nor no")  # noqa: TRY004 - pydantic collects these
    return value


def as_path(value: object, info: ValidationInfo) -> Path:
    """An absolute path: `~` is the home folder, relative ones begin at the context's base.

    Symbolic links are kept, except before a `..`, where it matters what they point to.

    Raises:
        ValueError: It is no path.
    """
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError(f"{quote(value)} is not a path")
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{quote(value)}: there is no such user, or no home folder") from error
    base = info.context.base if isinstance(info.context, Context) else Path.cwd()
    path = base / path
    return Path(os.path.realpath(path)) if ".." in path.parts else path


def existing_file(path: Path) -> Path:
    """The path itself, provided it is a file that can be read.

    Raises:
        ValueError: It is not there, is a folder, or may not be read.
    """
    try:
        path.stat()
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {path}") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be looked at: {error.strerror or error}") from error
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{path} may not be read by this user")
    return path


def _confined(value: object, context: Context, within: Path) -> Path | None:
    """The file that may be named so, or None: whether any other file exists is not disclosed."""
    if not isinstance(value, str) or not value:
        return None
    path = context.base / value
    if str(path) in context.known:
        return path
    if value.startswith(("/", "~")) or ".." in Path(value).parts:
        return None
    try:
        with opened(path, beneath=within):
            return path
    except NstdError:
        return None


def _style_image(value: object, info: ValidationInfo) -> Path:
    context = info.context
    if isinstance(context, Context) and context.within is not None:
        found = _confined(value, context, context.within)
        shipped = {style.name: style.path for style in list_styles()}
        if found is None and isinstance(value, str):
            found = shipped.get(value)
        if found is None:
            raise ValueError(
                f"{quote(value)} is no picture below this file's own folder, none that the "
                f"configuration names, and no style that ships ({', '.join(shipped)})"
            )
        return found
    path = as_path(value, info)
    text = str(value)
    if not is_bare(text):
        return existing_file(path)
    found = find_style(text, path.parent)
    if found == path and not os.path.lexists(path):
        hint = did_you_mean(text, [style.name for style in list_styles()])
        raise ValueError(f"there is no file {path}, and no style {quote(text)} ships{hint}")
    return existing_file(found)


def _no_file(path: Path) -> Path:
    # A folder that is missing, or that cannot be reached just now, may be a mount that comes later:
    # that is for `nstd check` and the daemon to say.
    if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where a mount hangs half-dead
        raise ValueError(f"{path} is a file, not a folder")
    return path


def _network(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"{quote(value)} is not a network's name, nor the path of its weights")
    text = str(value)
    context = info.context
    if isinstance(context, Context) and context.within is not None:
        # Not everybody may bring weights; a name without a suffix is that of an installed network.
        if text not in context.known and ("/" in text or Path(text).suffix):
            raise ValueError(f"{quote(text)} is not a network's name; a path may not be given here")
        return text
    if "/" not in text and not text.endswith((".safetensors", ".pth", ".pt")):
        return text
    return str(existing_file(as_path(text, info)))


def one_of(names: Sequence[str], kind: str) -> BeforeValidator:
    """Make a check that takes one of many names, and suggests the nearest where another is given.

    Args:
        names: All of them, in order; where none is near, the message names the first and the last.
        kind: What each is called, as in "layer of VGG-19".
    """

    def check(value: object) -> object:
        if isinstance(value, str) and value in names:
            return value
        near = nearest(value, names) if isinstance(value, str) else None
        known = f"they are {names[0]} to {names[-1]}"
        hint = known if near is None else f"did you mean “{near}”?"
        raise ValueError(f"{quote(value)} is no {kind}; {hint}")

    return BeforeValidator(check)


def _text(value: object) -> str:
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
        raise ValueError(f"{quote(value)} is not text{hint}")  # noqa: TRY004 - pydantic collects these
    if not value:
        raise ValueError("an empty text says nothing")
    return value


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str | Path) else value


def _parted(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(as_number)]
WholeNumber = Annotated[int, BeforeValidator(as_whole_number)]
Switch = Annotated[bool, BeforeValidator(as_switch)]
Text = Annotated[str, BeforeValidator(_text)]
FolderPath = Annotated[Path, AfterValidator(_no_file), BeforeValidator(as_path)]
StyleImagePath = Annotated[Path, BeforeValidator(_style_image)]
"""A file, or the name of a style that ships; a file of that name takes precedence."""
NetworkName = Annotated[str, BeforeValidator(_network)]
ONE_OR_MANY = BeforeValidator(_one_or_many)
"""A list of one may be given as its only member."""
PARTED = BeforeValidator(_parted)
"""A list of names or numbers may be given as a text in which commas part them."""
