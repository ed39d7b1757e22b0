"""NVIDIA's encoder where it is asked for and works; else software, which is told."""

import logging
from pathlib import Path

import pytest

from nstd.ledger.store import JobStore
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.hardware import choose_encoder, why_no_nvenc
from tests.integration.house import House, digest, unbroken_digest
from tests.jobs import Onlooker

ASKED = EncodeSettings(preset="ultrafast", encoder="nvenc")


def test_where_it_does_not_work_software_makes_the_same_film_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if why_no_nvenc("h264") is None:
        pytest.skip("NVIDIA's encoder works here")
    with JobStore(tmp_path / "asked/state/ledger.sqlite3") as store:
        house = House(tmp_path / "asked", store)
        job = house.queue(encode=ASKED)
        with caplog.at_level(logging.WARNING):
            assert house.work(Onlooker()).error is None
        said = store.get(job.id).report["encoder"]
    assert said.startswith("software: NVIDIA's encoder does not work here (")
    assert f"film.mp4 is encoded in {said}" in caplog.text
    assert digest(house.target) == unbroken_digest(tmp_path / "software")


@pytest.mark.parametrize(
    ("begun", "works", "expected"),
    [
        (None, True, "nvenc"),
        (None, False, "software"),
        # What was begun goes on so, as long as it can: its segments are joined.
        ("software", True, "software"),
        ("nvenc", True, "nvenc"),
        ("nvenc", False, "software"),
    ],
)
def test_the_choice_is_made_when_a_film_is_begun(
    monkeypatch: pytest.MonkeyPatch, begun: str | None, works: bool, expected: str
) -> None:
    why = None if works else "no card"
    monkeypatch.setattr("nstd.media.write.hardware.why_no_nvenc", lambda _: why)
    encoder, said = choose_encoder(ASKED, begun)
    assert encoder == expected
    assert bool(said) is not works


def test_software_is_not_asked_of_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nstd.media.write.hardware.why_no_nvenc", pytest.fail)
    assert choose_encoder(EncodeSettings(), "nvenc") == ("software", "")
