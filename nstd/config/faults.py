"""What pydantic finds wrong, in sentences a person understands."""

import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nstd.config.values import KeyFaultError, Section
from nstd.config.words import did_you_mean, nearest, quote
from nstd.config.yaml_lines import Fault, KeyPath

_MARKS = frozenset({"<list>", "<mapping>", "<word>", "<move>", "[key]"})
"""Parts of pydantic's paths that are not keys of the file, such as the branch of a union."""


def faults_of(error: ValidationError, root: type[Section]) -> list[Fault]:
    """Each fault that validating a `root` has found."""
    faults: list[Fault] = []
    meant: set[KeyPath] = set()
    missing: list[KeyPath] = []
    for details in error.errors(include_url=False):
        path = tuple(part for part in details["loc"] if part not in _MARKS)
        match details["type"]:
            case "default_factory_not_called":
                continue  # follows from another fault: a default that depends on a wrong value
            case "missing":
                missing.append(path)
            case "extra_forbidden":
                section, key = section_at(root, path[:-1]), str(path[-1])
                near = nearest(key, section.keys()) or ""
                meant |= {(*path[:-1], same) for same in (near, *section.synonyms(near))}
                faults.append(Fault(path, _unknown(key, section)))
            case _:
                error_of = details.get("ctx", {}).get("error")
                at = (*path, error_of.key) if isinstance(error_of, KeyFaultError) else path
                faults.append(Fault(at, _sentence(details)))
    # A misspelled key is one mistake, not an unknown key and a missing one.
    absent = [path for path in missing if path not in meant]
    return faults + [Fault(path[:-1], f"the key “{path[-1]}” is missing") for path in absent]


def sentence_of(error: ValidationError) -> str:
    """All that validating a lone value has found, in a few words."""
    return "; ".join(_sentence(details) for details in error.errors(include_url=False))


def shown_path(path: KeyPath) -> str:
    """The path as it is written in messages: `folders[0].watch`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch(r"[\w-]+", part)
            text += ("." if text else "") + (part if plain else quote(part))
    return text


def sections_in(annotation: Any) -> list[type[Section]]:
    """The sections that values of this type are made of; not those within them."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in sections_in(part)]


def section_at(root: type[Section], path: KeyPath) -> type[Section]:
    """The section that stands at `path` below a `root`."""
    parts = list(path)
    section = root
    while parts:
        annotation = section.field_of(str(parts.pop(0))).annotation
        if parts and _holds_many(annotation):
            del parts[0]
        section = sections_in(annotation)[0]
    return section


def _holds_many(annotation: Any) -> bool:
    if get_origin(annotation) in (tuple, dict):
        return True
    return any(_holds_many(part) for part in get_args(annotation))


def _unknown(key: str, section: type[Section]) -> str:
    if same := section.synonyms(key):
        return f"it is given besides “{same[0]}”, which means the same; give one of them"
    return f"unknown key{did_you_mean(key, section.keys())}"


def _sentence(details: ErrorDetails) -> str:
    value, context = details["input"], details.get("ctx", {})
    match details["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            words = re.findall(r"'([^']*)'", context["expected"])
            near = nearest(value, words) if isinstance(value, str) else None
            hint = "" if near is None else f"; did you mean “{near}”?"
            return f"{quote(value)} is none of {', '.join(words)}{hint}"
        case "model_type" | "dict_type" | "tuple_type" if value is None:
            return "nothing is given"
        case kind:
            return _SENTENCES.get(kind, details["msg"]).format_map(_Shown(context, value))


_SENTENCES = {
    "greater_than": "{value} is not above {gt}",
    "greater_than_equal": "{value} is not at least {ge}",
    "less_than_equal": "{value} is more than {le}",
    "too_short": "it is empty",
    "string_too_short": "it is empty",
    "too_long": "it has more than {max_length}",
    "int_parsing": "{value} is not a whole number",
    "int_from_float": "{value} is not a whole number",
    "float_parsing": "{value} is not a number",
    "string_type": "{value} is not text",
    "string_pattern_mismatch": "{value} is not a plain word or number",
    "tuple_type": "{value} is not a list",
    "model_type": "{value} is not a set of keys with values",
    "dict_type": "{value} is not a set of keys with values",
}


class _Shown(dict[str, str]):
    """The values that a sentence may mention."""

    def __init__(self, context: Mapping[str, Any], value: object) -> None:
        super().__init__({k: quote(v) for k, v in context.items()}, value=quote(value))
