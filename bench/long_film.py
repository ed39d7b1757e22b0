"""Does the look of a shot change over several seconds, compared with frames painted independently?

    python bench/long_film.py [FILM] --out FOLDER [--style impasto] [--network pocket]
                              [--size 256] [--frames 72] [--every 24] [--threads 2]

Paints the film's first frames by the default recipe along the flow, and every `--every`-th of them
independently as well. The default FILM is that of `nstd demo`, in which a boat crosses the view
while the camera pans. Prints a Markdown table of those frames, each with the value along the flow
and, after a slash, that of the independent frame: content and style loss; gradient energy, as a
ratio to the independent frame's; and the saturation (HSV, 0 to 255) of the four columns at the left
and at the right, where a pan brings in what is new, and of all others. FOLDER gets the films,
written without loss, and a sheet: source, along the flow, independent.
"""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from counting import Steps
from PIL import Image

from art.harbor.film import write_film
from nstd.config import Config, recipe_from_options
from nstd.media.write.codecs import EncodeSettings
from nstd.scoring.films import match_films
from nstd.scoring.measuring import Matched
from nstd.scoring.numbers import look_of
from nstd.scoring.style import StyleMeter, make_painter
from nstd.style.recipe import INDEPENDENT, StyleRecipe
from nstd.submit.output import OutputSpec
from nstd.work.stylize import Wanted, stylize

LOSSLESS = EncodeSettings(codec="ffv1", container="mkv")
COLUMNS = 4
HEADER = (
    "| frame | content | style | sharpness | saturation left | right | of all else |\n"
    "|---|---|---|---|---|---|---|"
)


class Shot:
    """A film's first frames, painted in both ways.

    Args:
        source: The film.
        recipe: How, along the flow.
        folder: For what is painted.
        threads: Of the CPU.
    """

    def __init__(self, source: Path, recipe: StyleRecipe, folder: Path, threads: int) -> None:
        self._source, self._recipe, self._folder = source, recipe, folder
        self.config = Config(
            state_dir=folder / "state", cache_dir=folder / "cache", threads=threads
        )

    def along(self, frames: int) -> list[Matched]:
        """All of the frames, along the flow."""
        return self._painted(self._recipe, 0, frames - 1, "flow")

    def alone(self, number: int) -> Matched:
        """One of them by itself."""
        recipe = replace(self._recipe, temporal=INDEPENDENT)
        (found,) = self._painted(recipe, number, number, f"alone-{number}")
        return found

    def _painted(self, recipe: StyleRecipe, first: int, last: int, name: str) -> list[Matched]:
        target = self._folder / f"{self._source.stem}-{name}.mkv"
        spec = OutputSpec(encode=LOSSLESS, first=first, last=last, overwrite=True)
        (result,) = stylize(self.config, [self._source], Wanted(recipe, spec), target, Steps())
        if result.error is not None:
            raise result.error
        return list(match_films(target, self._source, first=first).frames())


def row(number: int, pair: tuple[Matched, Matched], meter: StyleMeter) -> str:
    """A line of the table."""
    losses, energies, saturations = [], [], []
    for one in pair:
        # Both divided by this frame's own energy.
        losses.append(meter.add(one.painted, one.source, None, begins_shot=True))
        energies.append(look_of(one.painted).gradient_energy)
        saturation = cv2.cvtColor(one.painted, cv2.COLOR_RGB2HSV)[..., 1].astype(np.float32)
        parts = np.split(saturation, [COLUMNS, saturation.shape[1] - COLUMNS], axis=1)
        saturations.append([float(part.mean()) for part in parts])
    (style, content), (style_alone, content_alone) = losses
    left, inside, right = (
        f"{one:.0f} / {other:.0f}" for one, other in zip(*saturations, strict=True)
    )
    return (
        f"| {number} | {content:.3f} / {content_alone:.3f} | {style:.4f} / {style_alone:.4f}"
        f" | {energies[0] / energies[1]:.3f} | {left} | {right} | {inside} |"
    )


def main() -> None:
    """Paint, print the table, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, nargs="?")
    parser.add_argument("--style", default="impasto")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--network", default="pocket")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=72)
    parser.add_argument("--every", type=int, default=24)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    logging.basicConfig(level="ERROR")
    folder: Path = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    source = arguments.film or folder / "demo.mp4"
    if arguments.film is None:
        write_film(source, arguments.frames)
    given = {
        "styles": [{"image": arguments.style}],
        "network": arguments.network,
        "size": arguments.size,
    }
    recipe = recipe_from_options(Config(), name=None, overrides=given)
    shot = Shot(source, recipe, folder, arguments.threads)
    frames = shot.along(arguments.frames)
    height, width = frames[0].painted.shape[:2]
    meter = StyleMeter(make_painter(shot.config, recipe), width, height)
    looked_at = sorted({*range(0, len(frames), arguments.every), len(frames) - 1})
    print(HEADER)
    columns = []
    for number in looked_at:
        alone = shot.alone(number)
        print(row(number, (frames[number], alone), meter), flush=True)
        columns.append(np.concatenate([alone.source, frames[number].painted, alone.painted]))
    Image.fromarray(np.concatenate(columns, axis=1)).save(folder / f"{source.stem}.png")


if __name__ == "__main__":
    main()
