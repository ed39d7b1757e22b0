"""YAML text → plain values, and the line each of them stands in.

Only the part of YAML that a configuration needs: keys with values, lists, texts, numbers, yes and
no, anchors and `<<`. Numbers are read as YAML 1.2 reads them: in YAML 1.1 `1e-4` is a text,
`512:30` is the sexagesimal number 30750 and `010` is eight.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from nstd.config.words import quote
from nstd.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys and list indices from the top, as in ("folders", 0, "watch")."""

MAX_DEPTH = 32
"""How deep lists and keys may nest. A configuration needs seven levels."""

MAX_VALUES = 20_000
"""The most values, with aliases expanded: nine lines of aliases could make 10^9 of them."""

_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "merge": str,
    "null": lambda _: None,
    "bool": lambda text: text.lower() in {"yes", "true", "on"},
    "int": int,
    "float": float,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        path: The value it is about.
        sentence: What is wrong with it, in words, without a full stop.
        line: Where, if not where `path` stands.
    """

    path: KeyPath
    sentence: str
    line: int | None = None


@dataclass(slots=True)
class Document:
    """A text, read.

    Attributes:
        data: Dictionaries, lists, str, int, float, bool and None.
        lines: Line of each value, from 1; a key's value has the line of its key.
        faults: What a YAML parser lets pass and nstd does not: keys given twice, foreign tags.
    """

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_yaml(text: str, name: str) -> Document:
    """Read one YAML document; `name` is the file's, for messages.

    Raises:
        ConfigError: The text is no YAML, nests deeper than `MAX_DEPTH`, or expands to more than
            `MAX_VALUES` values.
    """
    document = Document()
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is not None:
            document.data = _Builder(document).build(root, ())
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, name) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{int(error.character):04X}"
        raise ConfigError(f"{name}:{line}: {character} has no place in a text file") from error
    except Exception as error:  # PyYAML's: "\U5010ffff" is a ValueError of chr(), to name one
        line = 1 if loader is None else loader.line + 1
        raise ConfigError(f"{name}:{line}: cannot be read: {error}") from error
    return document


class _Loader(yaml.SafeLoader):
    """Composes nodes with the tags of YAML 1.2, and no deeper than `MAX_DEPTH`."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - declared so by its base

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(problem="it nests too deeply", problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _name, _form, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"(?i:yes|no|true|false|on|off)", list("yYnNtTfFoO")),
    ("int", r"[-+]?[0-9]{1,18}", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]{1,400}|[0-9]{1,400}(?:\.[0-9]{0,400})?)(?:[eE][-+]?[0-9]{1,4})?",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_form})$"), _first)


class _Builder:
    """Makes values of nodes, noting the line and the faults of each."""

    def __init__(self, document: Document) -> None:
        self._lines = document.lines
        self._faults = document.faults
        self._count = 0
        self._merging = 0

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        """The value of `node`, which stands at `path`."""
        self._check_size(node, len(path))
        self._lines.setdefault(path, _line(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path, frozenset())
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._fault(path, f"the tag {quote(node.tag)} is not supported")
        return None

    def _mapping(self, node: yaml.Node, path: KeyPath, taken: frozenset[str]) -> dict[str, Any]:
        """The keys of `node` and those it merges, without the `taken` ones."""
        values: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged.append(value_node)
                continue
            key = self._key(key_node, path)
            if key is None or key in taken:
                continue
            here = (*path, key)
            if key in values:
                first = f"the key is given twice, first in line {self._lines[here]}"
                self._fault(here, first, _line(key_node))
                continue
            self._lines[here] = _line(key_node)
            values[key] = self.build(value_node, here)
        for source in merged:
            self._merge(source, path, values, taken)
        return values

    def _merge(
        self, source: yaml.Node, path: KeyPath, values: dict[str, Any], taken: frozenset[str]
    ) -> None:
        """Add what `<<: source` brings; keys that are there already win."""
        self._merging += 1
        self._check_size(source, self._merging)
        if isinstance(source, yaml.MappingNode):
            values |= self._mapping(source, path, taken | values.keys())
        elif isinstance(source, yaml.SequenceNode):
            for item in source.value:
                self._merge(item, path, values, taken)
        else:
            self._fault(path, "what “<<” names is not a set of keys")
        self._merging -= 1

    def _check_size(self, node: yaml.Node, depth: int) -> None:
        self._count += 1
        problem = None
        if self._count > MAX_VALUES:
            problem = f"its aliases expand to more than {MAX_VALUES} values"
        elif depth > MAX_DEPTH:
            problem = "an alias stands within what it names"
        if problem is not None:
            raise yaml.composer.ComposerError(problem=problem, problem_mark=node.start_mark)

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str":
            if self._is_text(str(node.value), path, _line(node)):
                return str(node.value)
            return None
        shown = quote(node.value) if isinstance(node, yaml.ScalarNode) else "a list or a set"
        self._fault(path, f"{shown} is no text, so no key; put it in quotes", _line(node))
        return None

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text = str(node.value)
        if not self._is_text(text, path):
            return None
        make = _SCALARS.get(node.tag.removeprefix(_TAG))
        if make is None:
            self._fault(path, f"the tag {quote(node.tag)} is not supported")
            return None
        try:
            return make(text)
        except ValueError:  # only with a tag written out, as in !!int "abc"
            self._fault(path, f"{quote(text)} is not what its tag says")
            return None

    def _is_text(self, text: str, path: KeyPath, line: int | None = None) -> bool:
        """Whether files, the ledger and a terminal can hold it: escapes can make other texts."""
        wrong = next((one for one in text if one == "\0" or "\ud800" <= one <= "\udfff"), None)
        if wrong is not None:
            self._fault(path, f"{quote(text)} holds U+{ord(wrong):04X}, which no text does", line)
        return wrong is None

    def _fault(self, path: KeyPath, sentence: str, line: int | None = None) -> None:
        self._faults.append(Fault(path, sentence, line))


def _syntax_error(error: yaml.MarkedYAMLError, name: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    where = name if mark is None else f"{name}:{mark.line + 1}"
    problem = error.problem or "it is no YAML"
    if "'\\t'" in problem:
        problem = "a tab; YAML is indented with spaces"
    elif "mapping values are not allowed" in problem:
        problem = "a “key: value” where none can be; a text that contains “: ” needs quotes"
    elif error.context:
        problem = f"{error.context}, {problem}"
    return ConfigError(f"{where}: cannot be read: {problem}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
