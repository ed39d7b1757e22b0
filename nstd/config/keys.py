"""Sections that are generated, so that each key is written once.

They are made from frozen dataclasses, by what these say of their own fields (see
`nstd.style.keys`); and from other sections, for the places that override some of their keys.
"""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Len
from pydantic import create_model

from nstd.config.values import PARTED, Number, Section, Switch, WholeNumber, one_of
from nstd.style.keys import OneOf, hints_of, keys_of, marks_of, plain_type

_MANY: Any = tuple
_READ = {float: Number, int: WholeNumber, bool: Switch, str: str}
"""How a value of each type is read, also from a text of the command line."""


class HeldSection(Section):
    """A section that becomes a frozen value.

    Its keys are those fields of the value that have a `Key` and a plain type: numbers, yes and no,
    texts, words, and lists of these. Keys of another form are declared by the subclass. A key that
    is not given is None here, and takes the value's own default.
    """

    held: ClassVar[type]

    @classmethod
    def of(cls, held: type) -> type[Self]:
        """A section with the keys of a frozen dataclass, to derive another one from."""
        hints = hints_of(held)
        known = {name: _read_as(hints[name]) for name in keys_of(held)}
        needed = {field.name for field in fields(held) if field.default is MISSING}
        keys: dict[str, Any] = {
            name: (read, ...) if name in needed else (read | None, None)
            for name, read in known.items()
            if read is not None
        }
        section = create_model(f"{held.__name__}Keys", __base__=cls, **keys)
        section.held = held
        return section

    def given(self) -> dict[str, Any]:
        """The keys that are given, with what is frozen of their values."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: _frozen(value) for name, value in values if value is not None}


def overriding(section: type[Section], name: str) -> type[Section]:
    """A section with the keys of another; a key that is not given is None.

    Args:
        section: The other.
        name: Of the new one.
    """
    hints = get_type_hints(section, include_extras=True)
    keys: dict[str, Any] = {key: (hints[key] | None, None) for key in section.model_fields}
    return create_model(name, __base__=Section, __module__=section.__module__, **keys)


def _frozen(value: Any) -> Any:
    if isinstance(value, HeldSection):
        return value.held(**value.given())
    if isinstance(value, tuple):
        return tuple(_frozen(one) for one in value)
    return str(value) if isinstance(value, Path) else value


def _read_as(hint: Any) -> Any:
    """How a field with this annotation is read; None where its type is not a plain one."""
    kind = plain_type(hint)
    read: Any = kind if get_origin(kind) is Literal else _READ.get(kind)
    if get_origin(kind) is tuple and (one := _read_as(get_args(kind)[0])) is not None:
        read = Annotated[_MANY[one, ...], PARTED]
    if read is None:
        return None
    for mark in marks_of(hint):
        if isinstance(mark, Ge | Gt | Le | Len):
            read = Annotated[read, mark]
        elif isinstance(mark, OneOf):
            read = Annotated[read, one_of(mark.names, mark.kind)]
    return read
