"""`nstd run` within the unit's sandbox, and films that somebody else is still writing.

The daemon has no capability, and in its user namespace no user but its own: of other users' files
the kernel tells it nothing.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from tests.clips import make
from tests.e2e.conftest import make_home
from tests.e2e.looking import look
from tests.e2e.program import Program, Running, digest
from tests.unprivileged import STRANGER

SANDBOX = ["unshare", "--user", "--map-current-user", "setpriv", "--no-new-privs",
           "--bounding-set=-all", "--inh-caps=-all"]  # fmt: skip
"""As the unit has it: PrivateUsers=, NoNewPrivileges=, CapabilityBoundingSet=."""

FRAMES = 12


@pytest.fixture(autouse=True)
def _sandbox() -> None:
    """The sandbox can be had here, and so can another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    if (
        shutil.which(SANDBOX[0]) is None
        or subprocess.run([*SANDBOX, "true"], check=False).returncode
    ):
        pytest.skip("needs user namespaces, and unshare and setpriv of util-linux")


@pytest.fixture
def program(network: Path, style: Path) -> Iterator[Program]:
    """With a home that everybody reaches, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield make_home(Path(name) / "home", network, style)


class Studio:
    """A daemon that deletes originals once they are painted, and a film to be recorded.

    Args:
        program: Where it lives.
        running: The daemon.
    """

    def __init__(self, program: Program, running: Running) -> None:
        self.program = program
        self.running = running
        self.folder = program.work / "in"
        self.film = make(
            program.work / "whole.mkv",
            times=range(0, FRAMES * 40, 40),
            time_base=Fraction(1, 1000),
            size=(48, 32),
        ).read_bytes()

    @contextmanager
    def recorder(self, name: str, user: int) -> Iterator["subprocess.Popen[bytes]"]:
        """Another user's program that writes what it is given, and holds the file open."""
        command = ["sh", "-c", 'exec cat > "$1"', "sh", name]
        with subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE, user=user) as writer:
            yield writer

    def write(self, writer: "subprocess.Popen[bytes]", name: str, part: int, parts: int) -> None:
        size = len(self.film)
        assert writer.stdin is not None
        writer.stdin.write(self.film[part * size // parts : (part + 1) * size // parts])
        writer.stdin.flush()
        path, wanted = self.folder / name, (part + 1) * size // parts
        self.running.until(
            lambda: path.exists() and path.stat().st_size == wanted, f"{wanted} bytes are written"
        )

    def as_stranger(self, *command: str) -> None:
        subprocess.run(command, cwd=self.folder, user=STRANGER, check=True)

    def require_untouched(self, seconds: float, path: Path) -> None:
        """For so long nothing is queued, and the film is there."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.program.jobs() == []
            assert path.exists()
            time.sleep(0.05)

    def require_painted(self, path: Path, ffprobe: str) -> None:
        """It becomes one job, of the whole film, and then it goes."""
        self.running.until(lambda: not path.exists(), f"{path.name} is painted and gone")
        jobs = [job for job in self.program.jobs() if job["source"] == bytes(path)]
        assert [job["state"] for job in jobs] == ["done"]
        painted = self.program.work / "out" / f"{path.stem}.mp4"
        assert len(look(painted, ffprobe).times) == FRAMES


@contextmanager
def studio(program: Program, network: Path, style: Path, settle: float) -> Iterator[Studio]:
    (program.work / "in").mkdir()
    for folder in (program.work, program.work / "in"):
        folder.chmod(0o777)
    program.configure(
        network=str(network),
        settle_seconds=settle,
        unsure_seconds=3 * settle,
        accept_truncated=True,  # so that of a film that is there in part the part is painted
        recipes={"tiny": {"styles": str(style), "levels": "32:1", "temporal": "independent"}},
        folders=[
            {
                "watch": str(program.work / "in"),
                "output": str(program.work / "out"),
                "recipe": "tiny",
                "originals": "delete",
            }
        ],
    )
    with program.started("run", under=SANDBOX) as running:
        running.until(lambda: "Watching" in running.log, "it watches")
        yield Studio(program, running)
        running.send(signal.SIGTERM)
        assert running.wait().code == 0


def record(studio: Studio, user: int, pause: float, ffprobe: str) -> None:
    """A recorder that pauses twice, for longer than a file must rest even where all is unknown."""
    path = studio.folder / f"by-{user}.mkv"
    with studio.recorder(path.name, user) as writer:
        for part in range(2):
            studio.write(writer, path.name, part, 3)
            studio.require_untouched(pause, path)
        studio.write(writer, path.name, 2, 3)
    studio.require_painted(path, ffprobe)


@pytest.mark.parametrize("user", [STRANGER, 0], ids=["another user's", "its own"])
def test_a_film_is_taken_once_its_recorder_has_closed_it(
    program: Program, network: Path, style: Path, ffprobe: str, user: int
) -> None:
    with studio(program, network, style, 0.3) as scene:
        record(scene, user, 1.5, ffprobe)


@pytest.mark.slow
@pytest.mark.parametrize("user", [STRANGER, 0], ids=["another user's", "its own"])
def test_so_it_is_with_pauses_of_twenty_seconds(
    program: Program, network: Path, style: Path, ffprobe: str, user: int
) -> None:
    with studio(program, network, style, 2) as scene:
        record(scene, user, 20, ffprobe)


def test_whichever_way_another_users_film_comes_it_is_painted_whole_and_once(
    program: Program, network: Path, style: Path, ffprobe: str
) -> None:
    with studio(program, network, style, 0.3) as scene:
        whole, folder = program.work / "whole.mkv", scene.folder
        whole.chmod(0o644)
        upload = program.work / "upload"
        upload.mkdir()
        upload.chmod(0o777)
        # The folder that it is moved and linked from is another user's too.
        scene.as_stranger("cp", "../whole.mkv", "../upload/linked.mkv")
        scene.as_stranger("ln", "../upload/linked.mkv", "linked.mkv")
        scene.as_stranger("cp", "../whole.mkv", "../upload/moved.mkv")
        scene.as_stranger("mv", "../upload/moved.mkv", "moved.mkv")
        # As scp does: the time is set after the file was closed.
        scene.as_stranger("sh", "-c", "cat ../whole.mkv > scp.mkv; touch -d 2001-01-01 scp.mkv")
        names = ["linked.mkv", "moved.mkv", "scp.mkv"]
        if shutil.which("rsync"):
            with_pauses = ["rsync", "--times", "--inplace", "--bwlimit=2", "--whole-file"]
            command = " ".join([*with_pauses, "whole.mkv", "in/rsync.mkv"])
            scene.as_stranger("sh", "-c", f"cd .. && {command}")
            names.append("rsync.mkv")
        for name in names:
            scene.require_painted(folder / name, ffprobe)
        assert digest(upload / "linked.mkv") == digest(whole)


def test_a_film_that_is_renamed_while_it_is_recorded_is_waited_for(
    program: Program, network: Path, style: Path, ffprobe: str
) -> None:
    with studio(program, network, style, 0.3) as scene:
        path = scene.folder / "final.mkv"
        with scene.recorder("working.part", STRANGER) as writer:
            scene.write(writer, "working.part", 0, 2)
            scene.as_stranger("mv", "working.part", path.name)
            scene.require_untouched(1.5, path)
            scene.write(writer, path.name, 1, 2)
        scene.require_painted(path, ffprobe)
