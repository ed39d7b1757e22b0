"""systemd's units: found, put together and read as systemd does."""

from pathlib import Path

import pytest

from nstd.check.units import (
    UnitName,
    find_unit,
    parse,
    parse_name,
    parse_seconds,
    split_words,
)
from nstd.errors import ConfigError, UnreadableError, UsageError, VanishedError

UNIT = Path("some.service")


def parsed(text: str) -> list[tuple[str, str, str]]:
    return list(parse(text, UNIT))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_settings_are_read_with_their_section_and_in_order() -> None:
    text = "[Unit]\nA=1\n\n[Service]\n  B = two words \nB=\n"
    assert parsed(text) == [
        ("Unit", "A", "1"),
        ("Service", "B", "two words"),
        ("Service", "B", ""),
    ]


def test_comments_begin_a_line_and_are_no_part_of_what_goes_on_around_them() -> None:
    text = "[Service]\n# no\n; no\nA=1 \\\n  # between\n  2 \\\n3 # is text\n"
    assert parsed(text) == [("Service", "A", "1  2  3 # is text")]


def test_a_backslash_that_is_itself_escaped_continues_nothing() -> None:
    assert parsed("[S]\nA=x\\\\\nB=y") == [("S", "A", "x\\\\"), ("S", "B", "y")]


def test_what_is_continued_at_the_end_is_not_lost() -> None:
    assert parsed("[S]\nA=1 \\") == [("S", "A", "1")]


@pytest.mark.parametrize(("text", "line"), [("[S]\nA\n", 2), ("A=1\n", 1), ("[S]\n\nx \\\ny", 3)])
def test_a_line_that_is_no_setting_is_named_with_its_number(text: str, line: int) -> None:
    with pytest.raises(UnreadableError, match=rf"some\.service:{line}:"):
        parsed(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  a  b\tc ", ["a", "b", "c"]),
        ('"A=b c" \'d "e"\'', ["A=b c", 'd "e"']),
        ('A="b c"d', ["A=b cd"]),
        ('"" x', ["", "x"]),
        (r"a\x20b \101 \s \u00e9", ["a b", "A", " ", "é"]),
        (r"back\\slash \"q\" \d", ["back\\slash", '"q"', "\\d"]),
    ],
)
def test_words_are_set_apart_as_in_systemd_syntax(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_a_quote_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(UnreadableError, match="not closed"):
        split_words('a "b')


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1min 30s", 90),
        ("1min30", 90),
        ("2h", 7200),
        ("500ms", 0.5),
        ("1.5 sec", 1.5),
        ("infinity", float("inf")),
        ("soon", None),
        ("3 apples", None),
    ],
)
def test_spans_of_time(text: str, seconds: float | None) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("name", "taken_apart"),
    [
        ("nstd", UnitName("nstd")),
        ("nstd.service", UnitName("nstd")),
        ("nstd@night-2.service", UnitName("nstd", "night-2")),
        ("nstd@a.b", UnitName("nstd", "a.b")),
        ("nstd@", UnitName("nstd", "")),
    ],
)
def test_names_are_taken_apart(name: str, taken_apart: UnitName) -> None:
    assert parse_name(name) == taken_apart


@pytest.mark.parametrize("name", ["a b", "@x.service", ".service", "é"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        parse_name(name)


def test_the_first_folder_that_has_the_unit_wins(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("etc", "run", "usr")]
    write(folders[1] / "nstd.service", "[Service]\nUser=run\n")
    write(folders[2] / "nstd.service", "[Service]\nUser=usr\n")
    unit = find_unit("nstd", folders)
    assert unit.text("User") == "run"
    assert unit.files == (folders[1] / "nstd.service",)


def test_drop_ins_follow_by_name_and_the_first_folders_one_of_a_name_counts(
    tmp_path: Path,
) -> None:
    etc, usr = tmp_path / "etc", tmp_path / "usr"
    write(usr / "nstd.service", "[Service]\nA=unit\n")
    write(usr / "nstd.service.d/20-b.conf", "[Service]\nA=usr 20\n")
    write(usr / "nstd.service.d/10-a.conf", "[Service]\nA=usr 10\n")
    write(etc / "nstd.service.d/10-a.conf", "[Service]\nA=etc 10\n")
    write(etc / "nstd.service.d/30-c.txt", "[Service]\nA=no drop-in\n")
    write(usr / "service.d/15-all.conf", "[Service]\nA=all 15\n")
    unit = find_unit("nstd.service", [etc, usr])
    assert unit.lines("A") == ["unit", "etc 10", "all 15", "usr 20"]


def test_an_instance_is_read_from_its_template_with_the_drop_ins_of_both(tmp_path: Path) -> None:
    write(tmp_path / "nstd@.service", "[Service]\nA=%i of %p, %n %N %%i\n")
    write(tmp_path / "nstd@.service.d/10.conf", "[Service]\nA=template\n")
    write(tmp_path / "nstd@x-y.service.d/10.conf", "[Service]\nA=instance\n")
    write(tmp_path / "nstd@x-y.service.d/20.conf", "[Service]\nA=%I\n")
    write(tmp_path / "nstd@other.service.d/30.conf", "[Service]\nA=other\n")
    unit = find_unit("nstd@x-y", [tmp_path])
    assert [unit.replaced(line) for line in unit.lines("A")] == [
        "x-y of nstd, nstd@x-y.service nstd@x-y %i",
        "instance",
        "x/y",
    ]


def test_a_file_of_an_instances_own_comes_before_the_template(tmp_path: Path) -> None:
    write(tmp_path / "etc/nstd@.service", "[Service]\nA=template\n")
    write(tmp_path / "usr/nstd@x.service", "[Service]\nA=own\n")
    unit = find_unit("nstd@x", [tmp_path / "etc", tmp_path / "usr"])
    assert unit.text("A") == "own"


def test_a_unit_can_be_given_by_its_path_with_drop_ins_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "nstd@.service", "[Service]\nA=1\n")
    write(tmp_path / "nstd@x.service.d/a.conf", "[Service]\nA=2\n")
    unit = find_unit(f"{tmp_path}/nstd@x.service", [Path("/nowhere")])
    assert unit.lines("A") == ["1", "2"]


def test_a_template_alone_is_no_service(tmp_path: Path) -> None:
    write(tmp_path / "nstd@.service", "[Service]\n")
    with pytest.raises(UsageError, match=r"nstd@night\.service"):
        find_unit("nstd@.service", [tmp_path])


def test_a_unit_that_is_nowhere_is_said_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(VanishedError, match=rf"no unit nstd\.service in {tmp_path}"):
        find_unit("nstd", [tmp_path])


def test_an_empty_value_drops_what_was_said_before(tmp_path: Path) -> None:
    text = "[Service]\nE=a b\nE=\nE=c\nE='d e'\nF=x\nF=\n[Other]\nE=no\n"
    unit = find_unit(str(write(tmp_path / "u.service", text)))
    assert unit.words("E") == ["c", "d e"]
    assert unit.lines("F") == []
    assert unit.text("F") is None
    assert unit.text("absent") is None


@pytest.mark.parametrize(
    ("value", "on"), [("yes", True), ("On", True), ("0", False), ("false", False), ("maybe", True)]
)
def test_switches_that_are_neither_on_nor_off_have_their_default(
    tmp_path: Path, value: str, on: bool
) -> None:
    unit = find_unit(str(write(tmp_path / "u.service", f"[Service]\nA={value}\n")))
    assert unit.switch("A", default=True) is on


def test_of_two_keys_for_one_thing_the_last_line_counts(tmp_path: Path) -> None:
    text = "[Service]\nTimeoutStopSec=5\nTimeoutSec=1min\n"
    unit = find_unit(str(write(tmp_path / "u.service", text)))
    assert unit.seconds("TimeoutStopSec", "TimeoutSec") == 60


def test_a_specifier_that_only_systemd_knows_is_an_error(tmp_path: Path) -> None:
    unit = find_unit(str(write(tmp_path / "u.service", "[Service]\nA=%b\n")))
    with pytest.raises(ConfigError, match="%b"):
        unit.words("A")
