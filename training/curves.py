"""Plot the log of a run: how well the student sees, and how far its Grams are off.

    python -m training.curves RUN_FOLDER -o docs/pocket-curves.png

Above, R² on the held-out photographs at each layer; below, the relative squared error of the Grams
on the batches trained on, optimized pictures among them. Needs matplotlib.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from nstd.errors import UnreadableError, from_os_error
from training.student import MATCHED

Record = dict[str, Any]
"""A line of the log; see `training.distill`."""

Curve = tuple[list[int], list[float]]
"""Steps, and the values at them."""

WIDTH_IN, HEIGHT_IN, DOTS_PER_INCH = 10.0, 7.2, 100
"""A picture of 1000 × 720 pixels."""


def read_log(path: Path) -> list[Record]:
    """The records of a log in the order of their steps, one a step.

    A run that is killed between a line and the next checkpoint goes back to the last one when it
    is resumed, and logs some steps again: the later line is that of the student that was kept.

    Raises:
        UnreadableError: A line is no record, or there is none.
        StorageError, VanishedError: The file cannot be read.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    records: dict[int, Record] = {}
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            records[record["step"]] = record
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise UnreadableError(
                f"Line {number} of {path} is no record of a run",
                "Remove the line if the run was cut off while it wrote it",
            ) from error
    if not records:
        raise UnreadableError(f"{path} holds no record yet", "Wait for the run's first line")
    return [records[step] for step in sorted(records)]


def curves(records: list[Record], name: str) -> dict[str, Curve]:
    """For each layer the values under `name`, of those records that have it."""
    found = [record for record in records if name in record]
    steps = [record["step"] for record in found]
    return {layer: (steps, [record[name][layer] for record in found]) for layer in MATCHED}


def draw(records: list[Record], path: Path) -> None:
    """Write the plot of `records` as a picture in the form that the suffix of `path` names."""
    from matplotlib import colormaps  # noqa: PLC0415 - the training alone can do without it
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    figure = Figure((WIDTH_IN, HEIGHT_IN), dpi=DOTS_PER_INCH, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    shades = colormaps["viridis"]
    for number, layer in enumerate(MATCHED):
        # From dark to bright with depth; not to the end of the scale, which is hard to see.
        style: dict[str, Any] = {"color": shades(0.9 * number / (len(MATCHED) - 1))}
        upper.plot(*curves(records, "held_out_r2")[layer], marker=".", label=layer, **style)
        lower.plot(*curves(records, "gram")[layer], linewidth=1, **style)
    upper.set_ylabel("R² on held-out photographs")
    upper.set_ylim(top=1)
    lower.set_ylabel("relative squared error\nof Grams, training batches")
    lower.set_yscale("log")
    lower.set_xlabel("step")
    lower.set_xlim(left=0)
    for axes in (upper, lower):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(MATCHED), frameon=False)
    figure.savefig(path)


def main() -> None:
    """Read the log, draw it, say where."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder that training.distill wrote to")
    parser.add_argument("-o", "--out", type=Path, required=True, help="picture to write")
    arguments = parser.parse_args()
    draw(read_log(arguments.run / "log.jsonl"), arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    main()
