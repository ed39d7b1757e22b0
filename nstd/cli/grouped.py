"""Help in groups: of options, and of commands.

Typer can do that only with rich's boxes, which cut names and are useless in a pipe.
"""

from typing import Any

from typer.core import TyperCommand, TyperGroup


class GroupedCommand(TyperCommand):
    """A command whose options are shown by their `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, group by group: those without one, then in order of appearance."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
                name = getattr(parameter, "rich_help_panel", None) or kind
                groups.setdefault(name, []).append(record)
        for name, records in filter(lambda group: group[1], groups.items()):
            with formatter.section(name):
                formatter.write_dl(records)


class GroupedCommands(TyperGroup):
    """Commands that are shown by their `rich_help_panel`, each with its few words."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's
        """Write the commands, group by group in the order of their first ones."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            group = str(getattr(command, "rich_help_panel", None) or "Commands")
            groups.setdefault(group, []).append((name, command.get_short_help_str(limit=70)))
        for name, rows in groups.items():
            with formatter.section(name):
                formatter.write_dl(rows)
