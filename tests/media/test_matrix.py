"""The matrix: films of every kind through the whole program, unpainted; all is kept, or named.

What differs between a film and what comes back must have been told in the job's report before.
"""

import shlex
from pathlib import Path

import pytest

from tests.media import (
    films_containers,
    films_outputs,
    films_pictures,
    films_streams,
    films_times,
)
from tests.media.case import Case
from tests.media.compare import Difference, differences
from tests.media.facts import look
from tests.media.failing import FAILING
from tests.media.named import is_named
from tests.media.program import copy

TABLES = (films_containers, films_pictures, films_times, films_streams, films_outputs)
CASES: list[Case] = [case for table in TABLES for case in table.CASES]


def parameters() -> list[object]:
    found: list[object] = []
    for case in CASES:
        why = FAILING.get(case.name)
        marks = [] if why is None else [pytest.mark.xfail(reason=why, strict=True)]
        found.append(pytest.param(case, id=case.name, marks=marks))
    return found


@pytest.mark.parametrize("case", parameters())
def test_what_comes_back_is_the_same_or_named(
    case: Case, sources: Path, tmp_path: Path, ffprobe: str
) -> None:
    source = case.made(sources)
    target = tmp_path / f"result.{case.to}"
    options = shlex.split(case.options)
    if "--preset" not in options:
        options += ["--preset", "ultrafast"]
    ended = copy(source, target, *options)
    if case.refused is not None:
        assert case.refused in ended.said
        return
    assert ended.code == 0, ended.said
    was = look(source, tmp_path / "source", case.reference, case.reading)
    now = look(target, tmp_path / "result")
    found = [one for one in differences(was, now, case.tolerance) if not _is_meant(one, case)]
    unnamed = [str(one) for one in found if not is_named(one, ended.report)]
    assert not unnamed, f"{unnamed}\nreport: {ended.report}\nsaid: {ended.said}{now.said}"
    if case.check is not None:
        case.check(was, now, ended)


def _is_meant(difference: Difference, case: Case) -> bool:
    return any(str(difference).startswith(begin) for begin in case.differs)
