"""A worker that hangs is replaced; only a film that kills every worker is given up."""

from pathlib import Path

import pytest

from tests.e2e.lives import Case, Fate, Life, check, configure, film_of, is_legal, unbroken
from tests.e2e.observing import Strike
from tests.e2e.program import Program

pytestmark = pytest.mark.slow

ATTEMPTS = 5


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> str:
    """Hash of the film as a daemon paints it that nothing befalls."""
    (output,) = unbroken(tmp_path_factory.mktemp("unbroken"), network, style).outputs.values()
    return output


@pytest.fixture
def life(tmp_path: Path, network: Path, style: Path) -> Life:
    """A daemon that replaces a worker after ten seconds without a sign of life."""
    program = Program(tmp_path / "home")
    configure(program, network, style, worker_timeout_seconds=10)
    return Life(program, film_of(tmp_path / "film.mp4"))


def test_a_worker_that_hangs_is_replaced(life: Life, expected: str) -> None:
    hang = Strike("a frame is in hand", victim="worker", signal="SIGSTOP")
    with life:
        fate = life.befall(Case((hang,)))
        assert life.stop() == 0
    check(fate, 1, expected)
    assert len(set(fate.daemons)) == 1
    assert ("running", "queued", "Its worker hung and was killed") in fate.events
    assert "has given no sign of life for 1" in fate.log


def test_a_film_that_kills_every_worker_is_given_up_and_no_other(life: Life, expected: str) -> None:
    with life:
        daemon = life.start().process.pid
        source = life.program.work / "in/film-1.mp4"
        point = "it is claimed and not probed"
        life.observer.arm(Strike(point, victim="worker", once=False, only=str(source)))
        deadly, sound = life.drop(box=b"\0\0\0\x08free"), life.drop()
        assert deadly.path == source
        life.until(lambda: sound.is_settled() and deadly.rows()[0]["state"] == "failed", "both end")
        fates = [Fate(original=dropped.original) for dropped in (deadly, sound)]
        for fate, dropped in zip(fates, (deadly, sound), strict=True):
            life.take_stock(fate, dropped)
        assert life.start().process.pid == daemon
        assert life.stop() == 0
    check(fates[1], 0, expected)
    (row,) = fates[0].rows
    assert row["error"].startswith(
        f"It was started {ATTEMPTS} times without painting a frame; the last time: "
        "Its worker was ended by SIGKILL"
    )
    assert is_legal(fates[0].events)
    assert [after for _, after, _ in fates[0].events].count("queued") == 1 + ATTEMPTS
    assert fates[0].outputs == {}
    assert list(fates[0].originals.values()) == [fates[0].original]
