"""The commands of nstd as typer has built them."""

from collections.abc import Iterator

import typer.main
from typer.core import TyperCommand, TyperGroup

from nstd.cli import app


def root() -> TyperGroup:
    """The command `nstd` itself."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """Every command that does something, with its name, such as `weights list`."""
    pending: list[tuple[str, object]] = list(root().commands.items())
    while pending:
        name, command = pending.pop()
        if isinstance(command, TyperGroup):
            pending += [(f"{name} {child}", found) for child, found in command.commands.items()]
        else:
            assert isinstance(command, TyperCommand)
            yield name, command
