"""The states of a job and the ways between them; what makes two looks at a file equal."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from nstd.errors import LedgerError
from nstd.ledger.job import FileIdentity, JobState, Segment, check_transition
from tests.unit.ledger.conftest import WAYS


@pytest.mark.parametrize(("before", "after"), list(product(JobState, JobState)))
def test_only_the_ways_between_states_are_open(before: JobState, after: JobState) -> None:
    if after in WAYS[before]:
        check_transition(before, after)
        return
    with pytest.raises(LedgerError, match=f"from {before} to {after}"):
        check_transition(before, after)


def test_an_identity_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"12345")
    identity = FileIdentity.from_stat(path.stat())
    assert identity.size == 5
    assert identity.inode == path.stat().st_ino
    path.write_bytes(b"123456")
    assert FileIdentity.from_stat(path.stat()) != identity


def test_a_renamed_file_has_the_same_content(tmp_path: Path) -> None:
    part = tmp_path / ".film.mp4.part"
    part.write_bytes(b"12345")
    before = FileIdentity.from_stat(part.stat())
    target = tmp_path / "film.mp4"
    part.replace(target)
    assert FileIdentity.from_stat(target.stat()).same_content(before)


@pytest.mark.parametrize("field", ["device", "inode", "size", "mtime_ns"])
def test_another_file_has_not_the_same_content(field: str) -> None:
    identity = FileIdentity(1, 2, 3, 4, 5)
    assert not replace(identity, **{field: 99}).same_content(identity)


def test_a_segment_is_complete_once_it_has_a_file() -> None:
    assert not Segment(0, 0, 9).complete
    assert Segment(0, 0, 9, path="segment-000000.mkv", digest="d").complete
