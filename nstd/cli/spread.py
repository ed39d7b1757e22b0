"""Options in groups: a command takes each group as one value, and typer sees the options in it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from nstd.cli import completion
from nstd.style.keys import marks_of, plain_type

Command = Callable[..., None]
Texts = dict[str, str | None]
"""What is given for each key of a group of options; None is not given."""


@dataclass(frozen=True, slots=True)
class Only:
    """Marks a group of which a command takes only some options; the others have their defaults."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """Marks a group of options that are keys of the configuration, each a text.

    The configuration's own checks say what is wrong with one.

    Attributes:
        helps: What help says of each.
        kinds: The type of each: its words are completed.
        usual: The default of each key, where the configuration says nothing either.
        panel: Their heading in help.
    """

    helps: Mapping[str, str]
    kinds: Mapping[str, Any]
    usual: Mapping[str, str]
    panel: str

    def options(self) -> dict[str, Any]:
        """The type of each option as typer wants it."""
        return {key: Annotated[str | None, self._option(key)] for key in self.helps}

    def _option(self, key: str) -> Any:
        usual = f" [{self.usual[key]}]" if key in self.usual else ""
        return typer.Option(
            "--" + key.replace("_", "-"),
            help=self.helps[key] + usual,
            rich_help_panel=self.panel,
            show_default=False,
            autocompletion=completion.values_of(key, self.kinds[key]),
        )


def spread(command: Command) -> Command:
    """The command as typer wants it: with each option of its groups as an argument of its own.

    Args:
        command: Takes arguments and options, and groups of options: dataclasses with an option a
            field, and `Texts` that are marked with their `Keys`.
    """
    groups: dict[str, tuple[Callable[..., Any], list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        make: Any
        kind, marks = plain_type(hints[name]), marks_of(hints[name])
        keys = next((mark for mark in marks if isinstance(mark, Keys)), None)
        if keys is not None:
            found = [_parameter(key, hint, None) for key, hint in keys.options().items()]
            make = dict
        elif is_dataclass(kind):
            only = next((mark.names for mark in marks if isinstance(mark, Only)), None)
            found = _of_fields(kind, only)
            make = kind
        else:
            parameters.append(_parameter(name, hints[name], parameter.default))
            continue
        groups[name] = make, [one.name for one in found]
        parameters += found

    def wrapped(**given: Any) -> None:
        made = {
            name: make(**{key: given.pop(key) for key in names})
            for name, (make, names) in groups.items()
        }
        command(**given, **made)

    wrapped.__doc__ = command.__doc__
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return wrapped


def _of_fields(group: Any, only: tuple[str, ...] | None) -> list[inspect.Parameter]:
    """The options of a dataclass, in the order of `only` where that is given."""
    hints = get_type_hints(group, include_extras=True)
    defaults = {one.name: one.default for one in fields(group)}
    return [_parameter(name, hints[name], defaults[name]) for name in only or defaults]


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    default = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(name, kind, default=default, annotation=hint)
