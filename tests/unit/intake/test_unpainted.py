"""What lies in watched folders unpainted: kept by file, reported within bounds."""

from pathlib import Path

from nstd.intake.unpainted import Cause, Unpainted

A, B = Path("/in/a.mp4"), Path("/in/b.mp4")


def test_each_file_has_one_reason_and_only_another_one_is_news() -> None:
    unpainted = Unpainted()
    assert unpainted.note(A, Cause.WAITING, "it is being written")
    assert not unpainted.note(A, Cause.WAITING, "it is being written")
    assert unpainted.note(A, Cause.REFUSED, "its sidecar is wrong")
    assert unpainted.kind(A) is Cause.REFUSED
    assert unpainted.facts() == {
        "counts": {"refused": 1},
        "ignored": {},
        "files": [{"path": "/in/a.mp4", "kind": "refused", "reason": "its sidecar is wrong"}],
    }
    unpainted.drop(A)
    assert unpainted.facts() == {"counts": {}, "ignored": {}, "files": []}


def test_a_scan_tells_of_all_there_is_of_a_kind_in_its_folder() -> None:
    unpainted = Unpainted()
    for path in (A, B, Path("/other/c.mp4")):
        unpainted.note(path, Cause.IGNORED, "hidden")
    unpainted.note(Path("/in/d.mp4"), Cause.UNKNOWN, "it is a link")
    unpainted.found(Path("/in"), Cause.IGNORED, {B: "temporary"})
    facts = unpainted.facts()
    assert facts["counts"] == {"unknown": 1, "ignored": 2}
    assert facts["ignored"] == {"hidden": 1, "temporary": 1}


def test_of_thousands_a_few_are_named_and_the_gravest_first() -> None:
    unpainted = Unpainted()
    for number in range(5000):
        unpainted.note(Path(f"/in/.{number}"), Cause.IGNORED, "hidden")
    for number in range(500):
        unpainted.note(Path(f"/in/{number}.txt"), Cause.UNKNOWN, "it is no film")
    unpainted.note(A, Cause.REFUSED, "it is damaged")
    unpainted.note(B, Cause.WAITING, "it is being written")
    facts = unpainted.facts()
    assert facts["counts"] == {"refused": 1, "waiting": 1, "unknown": 500, "ignored": 5000}
    assert len(facts["files"]) == 100
    assert [file["path"] for file in facts["files"][:2]] == [str(A), str(B)]
    assert unpainted.told(Cause.REFUSED, 8) == ["/in/a.mp4: it is damaged"]


def test_of_all_sorts_of_ignored_files_some_are_named() -> None:
    unpainted = Unpainted()
    for number in range(5000):
        unpainted.note(Path(f"/in/.{number}"), Cause.IGNORED, "hidden")
    unpainted.note(Path("/in/@eaDir"), Cause.IGNORED, "a system's own")
    assert "/in/@eaDir" in [file["path"] for file in unpainted.facts()["files"]]
