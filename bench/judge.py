"""What the judge of flicker says where the truth is known: of texture that is carried exactly.

    python bench/judge.py PHOTOGRAPH... --paintings IMAGE... [--frames 3]

The sources are the scenes of `nstd.scoring.scenes`, made of the photographs. Over those in which
one motion moves all, the paintings are moved by exactly as much, by turning their spectra: perfect
paint, which has no flicker. Prints a Markdown table: how far the judge's flow is from the true one,
in pixels, over what counts and over all that passes the forward-backward test; the share that
counts; and the lowest and highest ratio of the paintings, with and without the judge's conditions.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from nstd.media.frame import ImageU8
from nstd.scoring.judge import Verdict, find_motion, judge_pair
from nstd.scoring.known import counted
from nstd.scoring.scenes import Scene, scenes

Spectrum = npt.NDArray[np.complex128]

INSIDE_PX = 40
"""Left out around paintings that are moved: what is moved out on one side comes in on the other."""


def spectrum(path: Path, size: tuple[int, int]) -> Spectrum:
    """Of a painting as large as frames and `INSIDE_PX` around them, mirrored so that it repeats."""
    image = Image.open(path).convert("RGB")
    need = [edge + 2 * INSIDE_PX for edge in size]
    scale = max(edge / own for edge, own in zip(need, image.size, strict=True))
    fitted = image.resize([round(scale * edge) for edge in image.size], Image.Resampling.LANCZOS)
    colors = np.asarray(fitted, np.float64)
    whole = np.concatenate([colors, colors[::-1]])
    return np.fft.fft2(np.concatenate([whole, whole[:, ::-1]], axis=1), axes=(0, 1))


def moved(painting: Spectrum, by: tuple[float, float], size: tuple[int, int]) -> ImageU8:
    """A frame of the painting after it moved by pixels to the right and down."""
    down = np.fft.fftfreq(painting.shape[0])[:, None, None]
    across = np.fft.fftfreq(painting.shape[1])[None, :, None]
    turned = painting * np.exp(-2j * np.pi * (across * by[0] + down * by[1]))
    width, height = size
    inside = np.fft.ifft2(turned, axes=(0, 1)).real[INSIDE_PX:, INSIDE_PX:][:height, :width]
    return np.clip(np.rint(inside), 0, 255).astype(np.uint8)


def row(scene: Scene, paintings: list[Spectrum]) -> str:
    """A line of the table."""
    motion = scene.layers[0].motion
    films: dict[str, list[ImageU8]] = {}
    if scene.one_motion and scene.light is None and motion.zoom == 1 and motion.turn == 0:
        for number, painting in enumerate(paintings):
            places = [tuple(n * by for by in motion.shift) for n in range(scene.frames)]
            films[str(number)] = [moved(painting, place, scene.size) for place in places]
    verdicts = dict.fromkeys(films, Verdict())
    off: dict[str, list[float]] = {"counted": [], "seen": []}
    shares: list[float] = []
    source = [scene.frame(n) for n in range(scene.frames)]
    for n in range(1, scene.frames):
        earlier, later = source[n - 1 : n + 1]
        pairs = {name: (film[n - 1], film[n]) for name, film in films.items()}
        for name, verdict in judge_pair((earlier, later), pairs).items():
            verdicts[name] += verdict
        found, truth = find_motion(earlier, later), scene.flow(n)
        error = np.linalg.norm(found.backward - np.moveaxis(truth.backward, 0, 2), axis=2)
        known = counted(truth.visible)[0]
        for name in off:
            off[name] += error[known & getattr(found, name)].tolist()
        shares.append(float(found.counted.mean()))
    means = [f"{np.mean(values):.3f}" if values else "–" for values in off.values()]
    ratios = [
        f"{min(values):.2f} … {max(values):.2f}" if values else "–"
        for values in (
            [one.ratio for one in verdicts.values()],
            [one.unconditioned_ratio for one in verdicts.values()],
        )
    ]
    cells = [scene.name, *means, f"{np.mean(shares):.0%}", *ratios]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--paintings", type=Path, nargs="+", required=True)
    parser.add_argument("--frames", type=int, default=3)
    arguments = parser.parse_args()
    photographs = [np.asarray(Image.open(one).convert("RGB")) for one in arguments.photographs]
    made = scenes(photographs, frames=arguments.frames)
    paintings = [spectrum(one, made[0].size) for one in arguments.paintings]
    print("| scene | off, counted | off, seen | counted | ratio | without conditions |")
    print("|---|---|---|---|---|---|")
    for scene in made:
        print(row(scene, paintings), flush=True)


if __name__ == "__main__":
    main()
