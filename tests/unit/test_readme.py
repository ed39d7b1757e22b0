"""README.md says nothing that the program does not do."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from nstd import errors
from nstd.config import load_config
from nstd.submit.frames import parse_frames
from tests.unit import cli_tree

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
INSTALL = (ROOT / "docs/install.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", README)


def commands() -> list[str]:
    """Every command line of nstd in README.md and docs/install.md, without its path and comment."""
    spans = re.findall(r"`([^`\n]+)`", README + INSTALL)
    indented = re.findall(r"(?m)^ {4,}(.+)$", README + INSTALL)
    lines = [*indented, *"\n".join(blocks("sh")).splitlines()]
    parts = [part for line in lines for part in re.split(r"&&|;", line.split(" #")[0])]
    found = []
    for part in [*spans, *parts]:
        match = re.search(
            r"(?:^|[\s/])nstd\s+((?:run|batch|stylize|styles|demo|score|check|weights"
            r"|add|status|jobs|show|retry|cancel|pause|resume|clean|init)\b.*)",
            part,
        )
        if match and not part.strip().startswith("systemctl"):
            found.append(match[1].strip())
    return found


def test_its_first_command_installs_and_paints_and_its_second_tests() -> None:
    first, second = blocks("sh")[:2]
    for step in ("pip install .", "nstd demo"):
        assert step in first
    assert len(first.splitlines()) == len(second.splitlines()) == 1
    assert "pip install -e '.[test]'" in second
    assert second.rstrip().endswith(".venv/bin/pytest -n 2 --dist loadfile")


def test_it_shows_every_command() -> None:
    shown = [tuple(command.split()) for command in commands()]
    for name, _ in cli_tree.commands():
        if name.startswith("weights"):
            continue  # its other commands are named in words
        assert any(words[: len(name.split())] == tuple(name.split()) for words in shown), name


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_its_commands_can_be_given(line: str) -> None:
    """Each is parsed as the program would, and not run."""
    known = dict(cli_tree.commands())
    name = next((name for name in known if f"{line} ".startswith(f"{name} ")), None)
    assert name is not None, f"there is no such command: {line}"
    arguments = shlex.split(line)[len(name.split()) :]
    command = known[name]
    if not arguments and any(parameter.required for parameter in command.params):
        return  # it is only named, as in “leave `weights fetch` out”
    parsed = command.make_context(name, arguments)
    parse_frames(parsed.params.get("frames"))


def test_the_options_it_mentions_exist() -> None:
    known = {
        option
        for command in (cli_tree.root(), *(one for _, one in cli_tree.commands()))
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    foreign = {"--index-url", "--dist"}
    mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert mentioned - known - foreign == {"--help"}


def test_its_configuration_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (text,) = blocks("yaml")
    path = tmp_path / "config.yaml"
    path.write_text(text)
    for recipe in yaml.safe_load(text)["recipes"].values():
        for style in recipe["styles"]:
            (tmp_path / style).parent.mkdir(exist_ok=True)
            (tmp_path / style).touch()
    config = load_config(path)
    assert [folder.watch for folder in config.folders] == [tmp_path / "in"]
    assert [folder.output for folder in config.folders] == [tmp_path / "out"]
    assert set(config.recipes) == {"night"}


def test_the_files_it_links_to_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_its_exit_codes_are_those_of_the_errors() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.NstdError)}
    (sentence,) = re.findall(r"Exit codes: ([^.]+)\.", README)
    assert {int(code) for code in re.findall(r"\d+", sentence)} == codes | {0}
