"""Help whose options stand in groups."""

from typing import Any

from typer.core import TyperCommand


class GroupedCommand(TyperCommand):
    """A command whose options are shown by their `rich_help_panel`, those without one first.

    Typer does that with rich's boxes alone, which cut names and are no use in a pipe.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, group by group in the order of their first ones."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
                name = getattr(parameter, "rich_help_panel", None) or kind
                groups.setdefault(name, []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)
