"""Units: whatever their text is, it is read or refused with a sentence."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from nstd.check.units import Unit, UnitName, parse, parse_seconds, split_words
from nstd.errors import NstdError, UnreadableError

TEXT = st.text(st.sampled_from("ab1%xU0\\\"' \n=[]#;\té\u2028"), max_size=60)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_words_in_quotes_come_back_as_they_were(words: list[str]) -> None:
    quoted = [
        f'"{word.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
        for word in words
    ]
    assert split_words("  ".join(quoted)) == words


@given(TEXT)
@example(r"\x00")
@example(r"\U00110000")
@example(r"\ud800")
@example(r"\xff")
def test_words_are_set_apart_or_refused(text: str) -> None:
    try:
        words = split_words(text)
    except UnreadableError:
        return
    for word in words:
        word.encode()
        assert "\0" not in word


@given(TEXT)
def test_settings_are_read_or_refused(text: str) -> None:
    try:
        settings = tuple(parse(f"[S]\n{text}", Path("u.service")))
    except UnreadableError:
        return
    unit = Unit(UnitName("u", "x"), (Path("u.service"),), settings)
    for section, key, value in settings:
        assert "=" not in key
        assert value == value.strip(" \t\r\n")
        assert unit.text(key, section=section) in {other for _, _, other in settings} | {None}


@given(TEXT)
def test_specifiers_are_replaced_or_refused(text: str) -> None:
    unit = Unit(UnitName("u", "x"), (Path("u.service"),), ())
    try:
        replaced = unit.replaced(text)
    except NstdError:
        assert "%" in text
    else:
        assert "%" in text or replaced == text


@given(TEXT | st.text(st.sampled_from("0123456789. smhin"), max_size=12))
def test_a_span_of_time_is_none_or_not_negative(text: str) -> None:
    seconds = parse_seconds(text)
    assert seconds is None or seconds >= 0
