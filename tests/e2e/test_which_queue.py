"""The queue's commands from a shell that knows less than the daemon that runs."""

import json
import signal

from tests.e2e.program import Program


def test_a_shell_without_the_daemons_environment_finds_its_queue(program: Program) -> None:
    (program.work / "in").mkdir()
    (program.work / "out").mkdir()
    lib = program.home / "lib"
    folder = {"watch": str(program.work / "in"), "output": str(program.work / "out")}
    program.configure(
        recipes={"tiny": {"styles": "impasto"}}, folders=[folder | {"recipe": "tiny"}]
    )
    with program.started("run", environment={"STATE_DIRECTORY": str(lib)}) as running:
        running.until(lambda: "Watching" in running.log, "it watches")
        shown = json.loads(program.run("status", "--json").out)
        assert (shown["state_dir"], shown["working"]) == (str(lib), True)
        # Broken since: what runs goes by what it has read.
        program.config.write_text("foldrs: []\n")
        paused = program.run("pause", "--all")
        assert paused.code == 0, paused.err
        assert "This is the queue of the nstd that runs" in paused.err
        running.send(signal.SIGKILL)
        running.wait()
    # Its notice is still there, and is not believed.
    assert list((program.home / "run/nstd").glob("*.json"))
    assert program.run("status").code == 78
