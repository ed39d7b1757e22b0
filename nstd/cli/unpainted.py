"""What the daemon does not paint, and why, as lines."""

from collections.abc import Iterator, Mapping
from typing import Any

from nstd.errors import visible

MOST_UNPAINTED = 20
"""Files that `status` names: with the queue they are to fit on a screen."""


def unpainted_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Everything in the watched folders that is not painted: the first few, and how many more.

    Args:
        report: The daemon's.
    """
    unpainted = report.get("unpainted") or {}
    left = dict(unpainted.get("counts", {}))
    if not left:
        return
    yield "Not painted:"
    for file in unpainted["files"][:MOST_UNPAINTED]:
        left[file["kind"]] -= 1
        yield f"  {file['kind']:10}  {_sentence(file)}"
    more = {kind: number for kind, number in left.items() if number}
    if more:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in more.items())
        yield f"  and {sum(more.values()):,} more ({kinds})"
    if ignored := unpainted["ignored"]:
        yield f"  ignored in all: {', '.join(f'{n:,} {what}' for what, n in ignored.items())}"


def _sentence(file: Mapping[str, str]) -> str:
    path, reason = file["path"], file["reason"]
    return visible(reason if path in reason else f"{path}: {reason}")
