"""The daemon's own process stays small: what takes memory is done by the processes it starts."""

import signal
from pathlib import Path

from tests.clips import make
from tests.e2e.program import TINY, Program

MOST_MIB = 120
"""Python with the configuration, the ledger and the watching of folders; torch alone is 300."""

HEAVY = ("/torch/", "/torchvision/", "/cv2/", "/av/", "libcuda", "libgomp")


def resident_mib(process: int) -> float:
    """Resident memory of a process, in MiB, libraries included."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def test_the_daemon_itself_has_neither_torch_nor_codecs(program: Program, style: Path) -> None:
    (program.work / "in").mkdir()
    program.configure(
        network="auto",
        devices="auto",
        settle_seconds=0.2,
        recipes={"tiny": {"styles": str(style), **TINY}},
        folders=[
            {
                "watch": str(program.work / "in"),
                "output": str(program.work / "out"),
                "recipe": "tiny",
            }
        ],
    )
    make(program.work / "in/film.mp4", times=range(2), size=(48, 32))
    with program.started("run") as running:
        running.until(lambda: [job["state"] for job in program.jobs()] == ["done"], "it is painted")
        process = running.process.pid
        maps = Path(f"/proc/{process}/maps").read_text()
        assert not [one for one in HEAVY if one in maps]
        assert resident_mib(process) <= MOST_MIB
        running.send(signal.SIGTERM)
        assert running.wait().code == 0
