"""People and the service share folders by a group, as docs/install.md has it, in its sandbox."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from tests.clips import picture
from tests.e2e.conftest import make_home
from tests.e2e.program import Program

PERSON, STRANGER, FILMS = 61502, 61503, 61600
"""Numbers that no machine gives out; FILMS is the group."""


def as_user(user: int, *groups: int) -> list[str]:
    listed = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", str(user), "--regid", str(user), *listed]


SANDBOX = [
    "setpriv", "--groups", str(FILMS),
    "unshare", "--user", "--map-current-user",
    "setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
    "sh", "-c", 'umask 0002; exec "$@"', "sh",
]  # fmt: skip
"""A user like others, without any power over others' files; as the unit has it: PrivateUsers=,
NoNewPrivileges=, CapabilityBoundingSet=, UMask=, and a group beside its own."""


@pytest.fixture
def program(network: Path, style: Path) -> Iterator[Program]:
    """With a home that everybody reaches, as pytest's own are not."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    if (
        shutil.which("setpriv") is None
        or subprocess.run([*SANDBOX, "true"], check=False).returncode
    ):
        pytest.skip("needs user namespaces, and unshare and setpriv of util-linux")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield make_home(Path(name) / "home", network, style)


def shared(path: Path) -> Path:
    subprocess.run(["install", "-d", "-g", str(FILMS), "-m", "2770", path], check=True)
    return path


def allows(path: Path, *user: str) -> bool:
    return subprocess.run([*user, "cat", path], capture_output=True, check=False).returncode == 0


def test_a_person_of_the_group_drops_a_film_and_fetches_it_painted(program: Program) -> None:
    watched, painted = shared(program.work / "in"), shared(program.work / "out")
    mine = program.home / "a.png"
    PIL.Image.fromarray(picture(0, (64, 48))).save(mine)
    mine.chmod(0o644)
    person, stranger = as_user(PERSON, FILMS), as_user(STRANGER)
    drop = 'umask 027 && cp "$1" a.png && mkdir more && cp "$1" more/b.png'
    subprocess.run([*person, "sh", "-c", drop, "sh", mine], cwd=watched, check=True)
    assert not allows(watched / "a.png", *stranger)

    command = ("stylize", "in", "in/more/b.png", "--recipe", "tiny", "-o", "out/new/")
    ended = program.run(*command, under=SANDBOX)
    assert ended.code == 0, ended.err
    for name in ("a.png", "b.png"):
        path = painted / "new" / name
        assert path.stat().st_gid == FILMS
        assert allows(path, *person)
        assert not allows(path, *stranger)
        subprocess.run([*person, "rm", path], check=True)  # it is theirs, too


def test_check_tells_a_service_of_folders_that_are_closed_to_people(program: Program) -> None:
    shared(program.work / "in")
    closed = program.work / "out"
    closed.mkdir(mode=0o700)
    folders = [{"watch": "in", "output": "out", "recipe": "tiny"}]
    config = program.work / "shared.yaml"
    config.write_text(program.config.read_text() + f"folders: {folders}\n")
    ended = program.run("check", "--config", config, under=SANDBOX)
    (note,) = [line for line in ended.out.splitlines() if " sharing: " in line]
    assert note.startswith(" note  sharing: Nobody but root can look into ")
    assert f"{closed}, whose mode is 0700" in note
