"""Whatever is dropped into a watched folder gets a sentence of its own, and all else goes on."""

import signal
from fractions import Fraction
from pathlib import Path

import PIL.Image
import pytest

from tests.clips import make, picture
from tests.e2e.program import TINY, Program

SIDECARS = {
    "surrogate": b'styles: "\\ud800"',
    "no-character": b'form: "\\U5010ffff"',
    "no-number": b'seed: "\\UFFFFFFFF"',
    "nul": b'network: "\\0"',
    "nul-byte": b"seed: 1\0",
    "not-utf8": b"seed: \xff",
    "tab": b"levels:\n\t- 48:3",
    "version": b"%YAML " + b"9" * 5000 + b".1\n---\nseed: 1",
    "deep": b"[" * 100_000,
    "aliases": b"a: &a [x,x]\n" + b"".join(b"b: &a [*a,*a,*a]\n" for _ in range(40)),
    "nan": b"seed: .nan\ntv_weight: !!float nan",
    "huge": b"seed: !!int " + b"9" * 4000,
    "date": b"seed: 2020-01-01",
    "set": b"styles: !!set {a, b}",
    "binary": b"styles: !!binary //8=",
    "object": b"styles: !!python/object/apply:os.getcwd []",
    "keys": b"1: 2\n[a]: 3\n{b: c}: 4",
    "large": b"# " + b"x" * 3_000_000,
    "damaged-tiff": b"styles: damaged.tif",
    "damaged-webp": b"styles: damaged.webp",
}


def damaged(path: Path) -> None:
    """A picture of which the second half is missing, and a byte of its header is wrong."""
    PIL.Image.fromarray(picture(3, (64, 48))).save(path)
    content = bytearray(path.read_bytes()[: path.stat().st_size // 2])
    content[30] ^= 0x55
    path.write_bytes(content)


def film(path: Path) -> None:
    make(path, times=(0, 40), time_base=Fraction(1, 1000), size=(48, 32))


@pytest.fixture
def dropped(program: Program, network: Path, style: Path) -> Program:
    """A daemon's configuration, and in its folder a film beside each bad sidecar."""
    inside = program.work / "in"
    inside.mkdir()
    program.configure(
        network=str(network),
        settle_seconds=0.3,
        grace_seconds=0,
        recipes={"tiny": {"styles": str(style), **TINY}},
        folders=[{"watch": str(inside), "output": str(program.work / "out"), "recipe": "tiny"}],
    )
    film(program.home / "film.mp4")
    for name, text in SIDECARS.items():
        (inside / f"{name}.mp4.nstd.yaml").write_bytes(text)
        (inside / f"{name}.mp4").write_bytes((program.home / "film.mp4").read_bytes())
    for suffix in ("tif", "webp"):
        damaged(inside / f"damaged.{suffix}")
    return program


def paint_among_them(program: Program, good: str) -> None:
    """Run the daemon until every film waits and one more, dropped then, is painted."""
    with program.started("run") as running:
        running.until(
            lambda: all(f"{name}.mp4 waits" in running.log for name in SIDECARS),
            "every film waits for its sidecar",
        )
        film(program.work / "in" / good)
        running.until((program.work / "out" / good).exists, "it paints")
        before = program.config.read_text()
        program.config.write_text(before + 'log_level: "\\U5010ffff"\n')
        running.send(signal.SIGHUP)
        running.until(lambda: "was not reloaded" in running.log, "it keeps its configuration")
        program.config.write_text(before)
        running.send(signal.SIGTERM)
        ended = running.wait()
    assert ended.code == 0
    assert "Traceback" not in ended.err


def test_no_sidecar_ends_the_daemon_and_each_keeps_its_film_waiting(dropped: Program) -> None:
    paint_among_them(dropped, "first.mp4")
    paint_among_them(dropped, "second.mp4")  # a restart meets them all again
    states = {job["relative"].decode(): job["state"] for job in dropped.jobs()}
    assert {states.pop(name) for name in ("first.mp4", "second.mp4")} == {"done"}
    assert set(states) <= {"damaged.tif", "damaged.webp"}
    assert set(states.values()) <= {"failed"}
