"""What a frozen value's fields say of themselves, each once: range, help, and what absence means.

A field's annotation holds it all, beside the type: bounds of `annotated_types` (`Ge`, `Gt`, `Le`,
`Len`), `OneOf`, `Key` and `Absent`. The values check themselves by it and are written as JSON by it
(here); the configuration reads by it (`nstd.config.keys`); the command line offers options by it.
No torch and no pydantic here.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Len

from nstd.errors import ConfigError

_T = TypeVar("_T")

VALUE_REMEDY = "Choose another value; the sample config.yaml that `nstd init` writes explains each"
"""What to do about a wrong value, which need not stand in a file: a program may have given it."""


@dataclass(frozen=True, slots=True)
class Key:
    """Marks a field that a person may set: in config.yaml, in a sidecar, as an option.

    Attributes:
        help: What it does, in a clause or two, as the command line's help shows it; empty for one
            that is no option of its own.
    """

    help: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """Marks a field that JSON written by older versions does not have.

    A field that has this value is not written either, so that what is frozen stays the same.

    Attributes:
        value: What is meant where the field is missing.
    """

    value: object


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a text that must be one of some names.

    Attributes:
        names: All of them, in order.
        kind: What each of them is called, as in "layer of VGG-19".
    """

    names: tuple[str, ...]
    kind: str


def hints_of(held: type) -> dict[str, Any]:
    """The annotation of each field of a dataclass, with its marks."""
    kind: Any = held  # mypy takes no type for hashable
    return _hints(kind)


@cache
def _hints(held: Any) -> dict[str, Any]:
    hints = get_type_hints(held, include_extras=True)
    return {field.name: hints[field.name] for field in fields(held)}


def plain_type(hint: Any) -> Any:
    """The type that an annotation marks."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def marks_of(hint: Any) -> tuple[Any, ...]:
    """The marks in an annotation."""
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def keys_of(held: type) -> dict[str, Key]:
    """The fields that a person may set, in order."""
    marked = ((name, mark) for name, hint in hints_of(held).items() for mark in marks_of(hint))
    return {name: mark for name, mark in marked if isinstance(mark, Key)}


def require_valid(held: Any, called: str = "") -> None:
    """Check each field of a dataclass by its annotation; nested dataclasses have checked theirs.

    Args:
        held: The value.
        called: What stands before a field's name in the sentence, as in "temporal: ".

    Raises:
        ConfigError: One is out of its range. The sentence names it.
    """
    for name, hint in hints_of(type(held)).items():
        for fault in _faults(getattr(held, name), hint, name):
            raise ConfigError(f"{called}{fault}", VALUE_REMEDY)


def absent_values(held: type) -> dict[str, Any]:
    """By name, the value that each field marked `Absent` has where JSON lacks it."""
    marked = ((name, mark) for name, hint in hints_of(held).items() for mark in marks_of(hint))
    return {name: mark.value for name, mark in marked if isinstance(mark, Absent)}


def to_values(held: Any) -> dict[str, Any]:
    """A dataclass, with nested ones, as JSON values; without fields that equal their `Absent`."""
    written = {}
    absent = absent_values(type(held))
    for field in fields(held):
        value = getattr(held, field.name)
        if field.name not in absent or value != absent[field.name]:
            written[field.name] = _to_value(value)
    return written


def from_values(held: type[_T], data: Mapping[str, Any]) -> _T:
    """The dataclass that `to_values` wrote, with all that is in it.

    Raises:
        KeyError: Keys are not known; it names them.
        TypeError: One is missing, or is of another kind.
        ConfigError: A value is out of its range.
    """
    hints = hints_of(held)
    if unknown := sorted(data.keys() - hints.keys()):
        raise KeyError(", ".join(unknown))
    values = absent_values(held) | {
        name: _from_value(hints[name], value) for name, value in data.items()
    }
    # A default may change between versions, and what is frozen must not change with it.
    if missing := sorted(hints.keys() - values.keys()):
        raise TypeError(f"{', '.join(missing)}: not there")
    return held(**values)


def _to_value(value: Any) -> Any:
    if is_dataclass(value):
        return to_values(value)
    return [_to_value(one) for one in value] if isinstance(value, tuple) else value


def _from_value(hint: Any, value: Any) -> Any:
    kind = plain_type(hint)
    if get_origin(kind) is tuple:
        return tuple(_from_value(get_args(kind)[0], one) for one in value)
    return from_values(kind, value) if isinstance(kind, type) and is_dataclass(kind) else value


def _faults(value: Any, hint: Any, name: str) -> Iterator[str]:
    """What is wrong with a value, as sentences about `name`."""
    kind = plain_type(hint)
    if get_origin(kind) is tuple:
        for index, one in enumerate(value):
            yield from _faults(one, get_args(kind)[0], f"{name}[{index}]")
    elif get_origin(kind) is Literal and value not in get_args(kind):
        yield f"{name} is {value}, not {' or '.join(get_args(kind))}"
    elif kind is float and not math.isfinite(value):
        yield f"{name} is {value}, not a finite number"
    for mark in marks_of(hint):
        if problem := _problem(value, mark):
            yield f"{name} {problem}"


def _problem(value: Any, mark: Any) -> str:
    """What is wrong with a value by one mark, or nothing."""
    problem = ""
    match mark:
        case Ge(ge=bound) if not value >= bound:
            problem = f"is {value}, not {bound} or above"
        case Gt(gt=bound) if not value > bound:
            problem = f"is {value}, not above {bound}"
        case Le(le=bound) if not value <= bound:
            problem = f"is {value}, not {bound} or below"
        case Len(min_length=1) if not value:
            problem = "is empty"
        case Len(max_length=most) if most is not None and len(value) > most:
            problem = f"has more than {most}"
        case OneOf(names=names, kind=kind) if value not in names:
            problem = f"is {value}, no {kind}: they are {names[0]} to {names[-1]}"
    return problem
