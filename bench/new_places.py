"""What is new in painted films, by that of the same masks moved to every other place.

    python bench/new_places.py CLIP... --styles IMAGE... --networks NAME_OR_FILE... --out FOLDER

For films that `bench/temporal.py` has painted into FOLDER, called with the same arguments. That
moves the masks to one other place; here they go to 35, six steps down and six across, without what
they meet of themselves, since a small part of a painting is by chance near to the whole or far from
it. A Markdown table is printed: style loss of what is new, by the mean over those places; the least
and the greatest of them, by that mean; and the first figure of the same frames painted each for
itself, in which nothing is new.
"""

import argparse
import logging
import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import torch
from temporal import Case, cases

from nstd.film import to_tensor
from nstd.flow import Checked, Dis
from nstd.score import RegionStyle, revealed
from nstd.scoring.style import make_painter

STEPS = 6
"""Places each way."""

HEADER = (
    "| clip | style | network | new | least, greatest | painted for itself |\n"
    "|---|---|---|---|---|---|"
)


def losses(case: Case, mode: str) -> tuple[float, list[float]]:
    """Style loss of what is new in a film, and of the same masks at other places."""
    films = case.films(mode)
    painter = make_painter(case.config, case.recipe)
    torch.set_num_threads(case.threads)
    level = painter.levels(*films.size)[-1]
    places = list(product(range(STEPS), repeat=2))
    regions = [RegionStyle(painter, level) for _ in places]
    occlusions, before = Checked(Dis(), "dis"), None
    for frame in films.frames():
        if before is not None:
            new = revealed(*occlusions.estimate(before, frame.source))
            image = to_tensor([frame.painted])
            for region, (down, across) in zip(regions, places, strict=True):
                region.add(image, moved(new, down, across))
        before = frame.source
    own, *others = (region.loss() for region in regions)
    return own, [other for other in others if not math.isnan(other)]  # of no place at all


def moved(new: torch.Tensor, down: int, across: int) -> torch.Tensor:
    """`new` `[1, height, width]` at another place, without what it meets of itself."""
    if not (down or across):
        return new
    height, width = new.shape[1:]
    return new.roll((down * height // STEPS, across * width // STEPS), (1, 2)) & ~new


def rows(found: list[Case]) -> Iterator[str]:
    """One for each case."""
    for case in found:
        own, others = losses(case, "flow")
        mean = sum(others) / len(others)
        alone, elsewhere = losses(case, "independent")
        yield (
            f"| {' | '.join(case.names)} | {own / mean:.2f}"
            f" | {min(others) / mean:.2f}, {max(others) / mean:.2f}"
            f" | {alone / (sum(elsewhere) / len(elsewhere)):.2f} |"
        )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--styles", type=Path, nargs="+", required=True)
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--codec", default="ffv1")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.set_defaults(photograph=None, temporal="{}")
    logging.basicConfig(level="ERROR")
    print(HEADER, flush=True)
    for row in rows(cases(parser.parse_args())):
        print(row, flush=True)


if __name__ == "__main__":
    main()
