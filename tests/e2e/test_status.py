"""`nstd status` of a real daemon: what it does not paint and why, and what it gets no events of."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from tests.e2e.program import TINY, Program

SETTLE = 0.3


@pytest.fixture
def folder(program: Program, network: Path, style: Path) -> Path:
    """The folder that is watched."""
    folder = program.work / "in"
    folder.mkdir()
    program.configure(
        network=str(network),
        settle_seconds=SETTLE,
        reconcile_seconds=1,
        recipes={"tiny": {"styles": str(style), **TINY}},
        folders=[
            {
                "watch": str(folder),
                "output": str(program.work / "out"),
                "recipe": "tiny",
                "exclude": ["raw"],
            }
        ],
    )
    return folder


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new("RGB", (32, 32), (len(path.name), 90, 9)).save(path)
    return path


def unpainted(program: Program, folder: Path) -> dict[str, tuple[str, str]]:
    """What is not painted, by its path in the folder: the kind and the reason."""
    found = daemon(program).get("unpainted", {"files": []})["files"]
    return {
        str(Path(file["path"]).relative_to(folder)): (file["kind"], file["reason"])
        for file in found
    }


def daemon(program: Program) -> dict[str, Any]:
    facts = json.loads(program.run("status", "--json").out)["daemon"]
    return facts or {}


def test_everything_that_is_not_painted_is_told_with_the_reason(
    program: Program, folder: Path
) -> None:
    picture(folder / "painted.png")
    (folder / "notes.txt").write_text("no film")
    picture(folder / "sidecar.png").with_suffix(".nstd.yaml").write_text("leevls: 3")
    picture(folder / "@eaDir/thumb.png")
    picture(folder / "raw/original.png")
    picture(folder / ".hidden.png")
    (folder / "link.png").symlink_to("painted.png")
    os.mkfifo(folder / "pipe.png")
    (folder / os.fsdecode(b"caf\xe9\n.txt")).touch()
    for number in range(300):
        (folder / f".{number}").touch()
    expected = {
        "notes.txt": ("unknown", "it is no film and no picture by its name"),
        "caf\\udce9\\n.txt": ("unknown", "it is no film and no picture by its name"),
        "@eaDir": ("ignored", "a system's own"),
        "raw": ("ignored", "excluded"),
        "link.png": ("unknown", "it is a link"),
        "pipe.png": ("unknown", "it is a pipe"),
    }
    with program.started("run") as running, (folder / "open.png").open("wb") as writer:
        running.until(lambda: "Watching" in running.log, "it watches")

        def all_is_told() -> bool:
            found = unpainted(program, folder)
            return (
                expected.items() <= found.items()
                and found.get("sidecar.png", ("",))[0] == "refused"
                and "being written" in found.get("open.png", ("", ""))[1]
            )

        running.until(all_is_told, "all is told")
        found, facts = unpainted(program, folder), daemon(program)["unpainted"]
        assert "leevls: unknown key; did you mean" in found["sidecar.png"][1]
        assert "painted.png" not in found
        assert facts["ignored"] == {"hidden": 301, "a system's own": 1, "excluded": 1}
        assert len(facts["files"]) <= 100
        text = program.run("status").out
        writer.close()
        assert "Not painted:" in text
        assert f"  unknown     {folder}/notes.txt: it is no film" in text
        assert f"{folder}/open.png: it is being written" in text
        assert "more (" in text
        assert "301 hidden" in text
        running.send(signal.SIGTERM)
        assert running.wait().code == 0


LIMITED = ["unshare", "--user", "--map-root-user", "sh", "-c",
           'echo 3 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh"]  # fmt: skip
"""Runs a command as a user who may have three folders watched."""


def test_folders_that_the_kernel_does_not_watch_are_named_and_scanned(
    program: Program, folder: Path
) -> None:
    if (
        shutil.which("unshare") is None
        or subprocess.run([*LIMITED, "true"], check=False).returncode
    ):
        pytest.skip("needs user namespaces with a limit of their own on inotify, and unshare")
    for name in ("a", "b", "c", "d"):
        (folder / name).mkdir()
    text = program.config.read_text().replace("reconcile_seconds: 1", "reconcile_seconds: 3600")
    program.config.write_text(text)
    with program.started("run", under=LIMITED) as running:
        running.until(lambda: "fs.inotify.max_user_watches is" in running.log, "it is said")
        running.until(lambda: daemon(program).get("problems"), "status tells it, too")
        (problem,) = daemon(program)["problems"]
        assert "and 1 more folders have no events" in problem
        assert f"scanned every {SETTLE} s instead. Raise that limit with sysctl" in problem
        for name in ("a", "b", "c", "d"):
            picture(folder / name / "picture.png")
        outputs = [program.work / "out" / name / "picture.png" for name in ("a", "b", "c", "d")]
        running.until(lambda: all(map(Path.exists, outputs)), "all are painted")
        # A folder that comes later.
        picture(folder / "e/first.png")
        running.until((program.work / "out/e/first.png").exists, "it is painted")
        running.until(
            lambda: "and 2 more folders have" in daemon(program)["problems"][0], "it is told of"
        )
        picture(folder / "e/second.png")
        running.until((program.work / "out/e/second.png").exists, "so is the next one")
        assert daemon(program)["lost_events"] == 0
        running.send(signal.SIGTERM)
        assert running.wait().code == 0
