"""The command line as a whole: help for everything, and how errors leave the process."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperOption

import nstd
from nstd.cli import main
from nstd.errors import NstdError
from tests.unit import cli_tree

COMMANDS = dict(cli_tree.commands())


def test_the_commands_are_those_that_are_promised() -> None:
    assert set(COMMANDS) == {
        "stylize", "batch", "run", "check", "styles", "demo", "score",
        "init", "add", "status", "jobs", "show", "retry", "cancel", "pause", "resume", "clean",
        "weights list", "weights fetch", "weights import", "weights verify",
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_and_each_of_its_options_has_help(command: TyperCommand) -> None:
    assert command.help
    assert command.params
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_takes_a_configuration_and_debug(command: TyperCommand) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    expected = {"--debug"} if command.name == "init" else {"--config", "--debug"}  # it writes one
    assert expected <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_printed_whole(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: nstd {name}")
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, TyperOption):
            assert parameter.opts[0] in out


@pytest.mark.parametrize("name", ["", "weights", *COMMANDS])
def test_a_short_h_is_help_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for flag in ("-h", "--help"):
        with pytest.raises(SystemExit) as ended:
            main([*name.split(), flag])
        assert ended.value.code == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert "-h, --help" in told[0]


def test_commands_stand_in_groups_each_with_a_whole_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    groups = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert groups == ["Options:", "Paint now:", "Watch folders:", "The queue:", "Housekeeping:"]
    told = dict(re.findall(r"(?m)^  (\w+) {2,}(\S.*)$", "\n".join(lines)))
    for name in {command.split()[0] for command in COMMANDS}:
        assert told[name].endswith(".")
        assert "..." not in told[name]


def test_the_help_of_stylize_has_groups_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stylize", "--help"])
    out = capsys.readouterr().out
    options, look, encoding, general, examples = (
        out.index(f"\n{title}")
        for title in ("Options:", "Look, ", "Encoding:", "General:", "  Examples:")
    )
    for option, begin, end in (
        ("--style ", options, look),
        ("--strength ", look, encoding),
        ("--codec ", encoding, general),
        ("--config ", general, examples),
    ):
        assert begin < out.index(option, begin) < end
    lines = re.findall(r"nstd (stylize .+)", out[examples:])
    assert len(lines) >= 3
    for line in lines:
        COMMANDS["stylize"].make_context("stylize", line.split()[1:])


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["paint"], "paint"),
        (["run", "--bogus"], "--bogus"),
        (["stylize"], "Missing"),
        (["stylize", "a.mp4"], "Missing"),
        (
            ["stylize", "a.mp4", "-o", "b.mp4", "--threads", "many"],
            "'--threads': “many” is not a whole number\n",
        ),
        (
            ["stylize", "a.mp4", "-o", "b.mp4", "--threads", "0"],
            "'--threads': “0” is not at least 1\n",
        ),
        (["jobs", "--state", "donee"], "'-s': 'donee' is not one of 'queued', "),
        (["jobs", "--limit", "1.5"], "'-n': “1.5” is not a whole number\n"),
        (["pause", "x"], "'JOB': “x” is not a whole number\n"),
    ],
)
def test_arguments_that_make_no_sense_end_it_with_2_and_a_word(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert part in said
    assert "--help" in said
    assert "Traceback" not in said


def test_the_commands_that_messages_recommend_exist() -> None:
    package = Path(nstd.__file__).parent
    recommended = {
        name
        for path in package.rglob("*.py")
        for name in re.findall(r"`nstd ([a-z]+(?: [a-z]+)?)", path.read_text())
    }
    assert {"check", "weights list", "weights fetch"} <= recommended
    for name in recommended:
        known = {name, name.split()[0]} & (COMMANDS.keys() | {"weights"})
        assert known, name


def _fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise error

    # `nstd.cli.main` is the function; the module of that name is hidden by it.
    monkeypatch.setattr(sys.modules["nstd.cli.main"], "app", fail)


class OddError(NstdError):
    exit_code = 42


def test_an_error_ends_it_with_its_code_and_both_sentences(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(OddError("The film [red] is odd", "Even it"), monkeypatch)
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    assert ended.value.code == 42
    assert capsys.readouterr().err == "nstd: The film [red] is odd. Even it.\n"


def test_debug_shows_the_traceback_before_the_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail_with(OddError("The film is odd", "Even it"), monkeypatch)
    with pytest.raises(SystemExit):
        main(["check", "--debug"])
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.endswith("nstd: The film is odd. Even it.\n")


def _imported(*arguments: str) -> set[str]:
    """Names of all modules that a start of nstd has imported."""
    script = (
        "import sys\nfrom nstd.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write('\\n'.join(sys.modules))"
    )
    root = Path(__file__).resolve().parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert answer.stdout or "nstd: " in answer.stderr
    return set(answer.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("stylize", "--help"),
        ("--version",),
        ("stylize", "nope.mp4", "--style", "impasto", "-o", "a.mp4"),
        ("stylize", "nope-*.mp4", "--style", "impasto", "-o", "-"),
    ],
)
def test_help_and_what_is_wrong_with_a_command_come_without_what_takes_seconds_to_import(
    arguments: tuple[str, ...],
) -> None:
    imported = _imported(*arguments)
    assert "nstd.cli.main" in imported
    assert imported.isdisjoint({"torch", "torchvision", "cv2"})


def test_the_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"nstd {version('nstd')}\n"


FIRST_WORDS = """
import sys

class Told:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            sys.stderr.write("<torch>")
        return None

sys.meta_path.insert(0, Told())
from nstd.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("stylize", "film.mp4", "-s", "impasto", "-o", "b.mp4", "--device", "cuda:99"),
        ("batch", "missing.mp4", "--config", "nstd.yaml"),
        ("demo", "-o", "demo", "--device", "cuda:99"),
    ],
    ids=["stylize", "batch", "demo"],
)
def test_something_is_said_before_what_takes_seconds_is_imported(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "nstd.yaml").write_text(f"state_dir: {tmp_path}/s\nrecipes: {{}}\n")
    (tmp_path / "film.mp4").touch()
    answer = subprocess.run(
        [sys.executable, "-c", FIRST_WORDS, *arguments],
        capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )  # fmt: skip
    assert answer.stderr.startswith("Loading PyTorch\n<torch>")


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "part"),
    [
        ("stylize --json", 2, "UsageError", "Missing"),
        ("stylize a.mp4 --bogus --json", 2, "UsageError", "--bogus"),
        ("stylize a.mp4 -o b.mp4 --threads no --json", 2, "UsageError", "--threads"),
        ("stylize a.mp4 -o b.mp4 --json", 2, "UsageError", "No style image"),
        ("stylize a.mp4 -o b.mp4 -s impasto --json", 2, "UsageError", "There is no a.mp4"),
        ("batch --config none.yaml --json", 78, "ConfigError", "none.yaml"),
        ("batch --json", 2, "UsageError", "nothing to paint"),
        ("add a.mp4 --json", 2, "UsageError", "There is no a.mp4"),
        ("show 9 --json", 1, "LedgerError", "no job 9"),
        ("cancel --json", 2, "UsageError", "No job is named"),
        ("bogus --json", 2, "UsageError", "bogus"),
    ],
)
def test_where_data_are_asked_for_an_error_is_data_too(
    arguments: str,
    code: int,
    kind: str,
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nstd.yaml").write_text(f"state_dir: {tmp_path}/state\n")
    for name, event in (("--json", {}), ("--json-progress", {"event": "ended"})):
        if name != "--json" and not arguments.startswith(("stylize", "batch")):
            continue
        with pytest.raises(SystemExit) as ended:
            main(arguments.replace("--json", name).split())
        out, said = capsys.readouterr()
        data = json.loads(out.splitlines()[-1] if event else out)
        assert ended.value.code == code
        assert data == event | {"error": data["error"], "kind": kind, "exit_code": code}
        assert part in data["error"]
        assert part in said


def test_a_command_ends_with_the_code_it_has_always_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nstd.yaml").write_text(f"state_dir: {tmp_path}/state\n")
    for arguments, code in (("jobs", 0), ("jobs --json", 0), ("", 2), ("cancel 1 2", 1)):
        with pytest.raises(SystemExit) as ended:
            main(arguments.split())
        assert ended.value.code == code
    assert "Usage: nstd" in "".join(capsys.readouterr())
