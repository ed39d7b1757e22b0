"""Reading YAML: values, the line of each, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nstd.config.yaml_lines import Fault, read_yaml
from nstd.errors import ConfigError


def test_every_value_has_the_line_of_its_key() -> None:
    document = read_yaml("a: 1\nb:\n  - x\n  - c:\n      d\n", "f")
    assert document.data == {"a": 1, "b": ["x", {"c": "d"}]}
    assert document.lines[("a",)] == 1
    assert document.lines[("b", 1, "c")] == 4
    assert document.lines[("b", 0)] == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("010", 10),  # YAML 1.1: eight
        ("08", 8),  # YAML 1.1: not even a number
        ("512:30", "512:30"),  # YAML 1.1: 30750
        ("256:80,512:30", "256:80,512:30"),
        ("2026-01-02", "2026-01-02"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".nan", ".nan"),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("one two", "one two"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(text: str, value: object) -> None:
    read = read_yaml(f"key: {text}", "f").data["key"]
    assert read == value
    assert type(read) is type(value)


def test_an_empty_text_has_no_value() -> None:
    assert read_yaml("", "f").data is None
    assert read_yaml("# nothing\n", "f").data is None


def test_a_key_given_twice_is_a_fault_at_its_second_line() -> None:
    document = read_yaml("a:\n  b: 1\n  c: 2\n  b: 3\n", "f")
    assert document.faults == [
        Fault(("a", "b"), "the key is given twice, first in line 2", 4),
    ]


@pytest.mark.parametrize("key", ["12", "yes", "[a, b]", "~"])
def test_a_key_that_is_no_text_is_a_fault(key: str) -> None:
    (fault,) = read_yaml(f"x: 1\n? {key}\n: 2\n", "f").faults
    assert "no key" in fault.sentence
    assert fault.line == 2


def test_anchors_and_merged_keys_are_followed() -> None:
    text = "base: &b {x: 1, y: {z: 2}}\nother:\n  <<: *b\n  y: 3\nlist: [*b]\n"
    document = read_yaml(text, "f")
    assert document.data["other"] == {"x": 1, "y": 3}
    assert document.data["list"] == [{"x": 1, "y": {"z": 2}}]
    assert document.lines[("other", "y")] == 4
    assert document.lines[("other", "x")] == 1
    assert ("other", "y", "z") not in document.lines


def test_merging_what_is_no_set_of_keys_is_a_fault() -> None:
    (fault,) = read_yaml("a: {<<: 3}", "f").faults
    assert fault.path == ("a",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: b: c\n", 1),
        ("a: 1\n--- \nb: 2\n", 2),
        ("a: *nowhere\n", 1),
        ("a: 1\nb: \x07\n", 2),
        ("a: 'open\n", 2),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError, match=rf"^config\.yaml:{line}: "):
        read_yaml(text, "config.yaml")


@pytest.mark.parametrize(
    "text",
    [r'a: "\U5010ffff"', r'a: "\UFFFFFFFF"', f"%YAML {'9' * 5000}.1\n---\na: 1", "a: !<%ff> 1"],
    ids=["no character", "no number", "no version", "no tag"],
)
def test_what_the_parser_itself_stumbles_over_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^config\.yaml:1: cannot be read: "):
        read_yaml(text, "config.yaml")


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        (r'a: "\ud800"', 1, "U+D800"),
        (r'a: ["b", "c\udfff"]', 1, "U+DFFF"),
        ('b: 1\n"\\0": 1', 2, "U+0000"),
        (r'a: {"x\uDC80": 1}', 1, "U+DC80"),
    ],
)
def test_escapes_that_make_what_no_text_holds_are_faults(text: str, line: int, wrong: str) -> None:
    document = read_yaml(text, "f")
    (fault,) = document.faults
    assert wrong in fault.sentence
    assert fault.sentence.isprintable()
    assert fault.line or document.lines[fault.path] == line


def test_tabs_and_colons_are_explained() -> None:
    with pytest.raises(ConfigError, match="indented with spaces"):
        read_yaml("a:\n\tb: 2\n", "f")
    with pytest.raises(ConfigError, match="needs quotes"):
        read_yaml("a: film: the end\n", "f")


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd []", "!mine {}", "!!binary aa"])
def test_foreign_tags_are_faults_and_make_nothing(tag: str) -> None:
    document = read_yaml(f"a: {tag}", "f")
    (fault,) = document.faults
    assert fault.path == ("a",)
    assert document.data == {"a": None}


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(ConfigError, match="expand to more than"):
        read_yaml("\n".join(lines), "f")


def test_merges_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 10)]
    with pytest.raises(ConfigError, match="expand to more than"):
        read_yaml("\n".join(lines), "f")


@pytest.mark.parametrize(
    "text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}", "&a [{<<: [*a]}]"]
)
def test_an_alias_within_what_it_names_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="within what it names"):
        read_yaml(text, "f")


def test_deep_nesting_is_refused_before_the_stack_ends() -> None:
    assert read_yaml("[" * 20 + "]" * 20, "f").faults == []
    with pytest.raises(ConfigError, match="nests too deeply"):
        read_yaml("[" * 5000, "f")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab01:-{}[]&*<!|>'\"#,?\\%uUdfx \n\t\x00é", max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    problem, document = None, None
    try:
        document = read_yaml(text, "f")
    except ConfigError as error:
        problem = error.problem
    if document is None:
        assert problem is not None
        assert problem.startswith("f:")
    else:
        assert (document.data is None) or document.lines[()] >= 1
