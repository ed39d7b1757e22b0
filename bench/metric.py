"""How many steps are saved by the metric that pictures are optimized in (`nstd.style.sobolev`).

    python bench/metric.py PICTURE... --styles IMAGE_OR_NAME... [--networks NAME_OR_FILE...]
                           [--orders 0 0.2 0.4 0.5] [--size 256] [--threads 2]

Paints each picture in each style, at the default recipe's first level, by plain L-BFGS (order 0)
and in the metric of each order. Prints a Markdown table: the losses after 10, 20, 40 and 80 steps,
and the number of steps after which the loss was at most plain L-BFGS's final one; no number there
means that it was not reached.
"""

import argparse
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import torch

from nstd.config import Config, recipe_from_options
from nstd.media.pictures import read_still
from nstd.painting.pictures import to_tensor
from nstd.scoring.style import make_painter
from nstd.style import sobolev
from nstd.style.optimize import Painter, stylize_frame

SHOWN = (10, 20, 40, 80)
HEADER = (
    "| network | style | picture | order | "
    + " | ".join(map(str, SHOWN))
    + " | steps to plain's last |\n|"
    + "---|" * (5 + len(SHOWN))
)


def losses(painter: Painter, picture: torch.Tensor, order: float) -> list[float]:
    """The loss after each step."""
    with patch.object(sobolev, "ORDER", order):
        return [
            float(iterate.losses.total)
            for iterate in stylize_frame(painter, picture)
            if not iterate.final and iterate.level == 0
        ]


def main() -> None:
    """Paint, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--styles", nargs="+", required=True)
    parser.add_argument("--networks", nargs="+", default=["pocket"])
    parser.add_argument("--orders", type=float, nargs="+", default=[0, 0.2, 0.4, 0.5])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    print(HEADER)
    with TemporaryDirectory() as folder:
        config = Config(
            state_dir=Path(folder) / "state",
            cache_dir=Path(folder) / "cache",
            threads=arguments.threads,
        )
        asked = product(arguments.networks, arguments.styles, arguments.pictures)
        for network, style, path in asked:
            given = {"styles": [{"image": style}], "network": network, "size": arguments.size}
            painter = make_painter(config, recipe_from_options(config, name=None, overrides=given))
            picture = to_tensor(read_still(path).image)
            plain = losses(painter, picture, 0)
            for order in arguments.orders:
                found = losses(painter, picture, order) if order else plain
                reached = next((n for n, loss in enumerate(found, 1) if loss <= plain[-1]), "–")
                cells = " | ".join(f"{found[min(n, len(found)) - 1]:.4f}" for n in SHOWN)
                names = f"{Path(network).stem} | {Path(style).stem} | {path.stem}"
                print(f"| {names} | {order:g} | {cells} | {reached} |", flush=True)


if __name__ == "__main__":
    main()
