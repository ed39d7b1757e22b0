"""A new container is one entry of the table: films go into it, and what it cannot hold is told."""

from pathlib import Path

import pytest

from nstd.errors import UsageError
from nstd.media.read.probe import probe
from nstd.media.write.codecs import CODECS, EncodeSettings
from nstd.media.write.containers import CONTAINERS, FILMS, Container
from tests import clips, films

NUT = Container(
    name="nut",
    format="nut",
    codecs=("ffv1", "h264"),
    plays=("aac",),
    simultaneous=True,
)
"""One that has no text, keeps no metadata and no cover, and states times in any unit."""


@pytest.fixture(autouse=True)
def _one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for table in (CONTAINERS, FILMS):
        monkeypatch.setitem(table, NUT.name, NUT)


def test_films_are_written_to_it_and_what_it_cannot_hold_is_told(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "a.mkv", sound=("aac", "flac"), subtitles="subrip")
    settings = EncodeSettings(container="nut", preset="ultrafast")
    told = films.sentences(source, settings)
    assert "stream 2 (audio, flac): converted to AAC" in " ".join(told)
    assert any(one.startswith("stream 3") and "nut cannot hold it" in one for one in told)
    painted = films.round_trip(source, tmp_path, settings)
    assert painted.suffix == ".nut"
    assert probe(painted).container == "nut"
    # All of it is later by the sound that AAC puts before 0.
    times = films.times(painted)
    assert [one - times[0] for one in times] == films.times(source)


def test_codecs_know_it_and_others_are_refused_with_what_there_is() -> None:
    assert {"mp4", "nut"} <= set(CODECS["h264"].containers)
    assert CODECS["ffv1"].containers[0] == "mkv"
    with pytest.raises(UsageError, match=r"There is no container 'ogg'.*nut"):
        EncodeSettings(container="ogg")
    with pytest.raises(UsageError, match="prores cannot be put into nut"):
        EncodeSettings(codec="prores", container="nut")
