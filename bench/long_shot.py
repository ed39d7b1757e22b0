"""Does a long shot drift? A slow camera move over a photograph and back, painted and scored.

    python bench/long_shot.py PHOTOGRAPH --style IMAGE --out FOLDER [--network pocket]
                              [--frames 300] [--noise 2] [--threads 2]

The last frame shows what the first one showed, so whatever differs between them is drift. The film
is painted by the default recipe, in segments as `nstd stylize` makes them, written without loss,
and scored as `nstd score` does. Prints a Markdown table of one frame in `EVERY`, each compared with
the first frame: luminance and contrast (and the source's), gradient energy, style loss, and flicker
of all frames so far; below it the drift of the shot and the step of flicker at segment borders.
FOLDER gets the film and a sheet of those frames, source above paint.
"""

import argparse
import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from counting import Steps
from PIL import Image

from nstd.config import Config, recipe_from_options
from nstd.media.frame import Frame, VideoInfo
from nstd.media.pictures import read_still
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.segment import SegmentWriter
from nstd.painting.pictures import to_image, to_tensor
from nstd.scoring.films import match_films
from nstd.scoring.measuring import measure
from nstd.scoring.result import FilmScore
from nstd.scoring.style import StyleMeter, make_painter
from nstd.style.canvas import resize
from nstd.submit.output import OutputSpec
from nstd.work.stylize import Wanted, stylize

SIZE = (192, 108)
TRAVEL = (120, 36)
"""Pixels that the camera moves, to the right and down."""

EVERY = 50
SEGMENT_FRAMES = 48
LOSSLESS = EncodeSettings(codec="ffv1", container="mkv")


def shoot(photograph: Path, path: Path, frames: int, noise: float) -> None:
    """The film: the camera starts and stops softly at both ends; noise in code values."""
    picture = to_tensor(read_still(photograph).image)
    need = [2 * (edge + by) + 1 for edge, by in zip(SIZE, TRAVEL, strict=True)]
    scale = max(need[0] / picture.shape[3], need[1] / picture.shape[2])
    picture = resize(picture, *(math.ceil(edge * scale) for edge in picture.shape[:1:-1]))
    generator = np.random.default_rng(0)
    like, info = _any_frame(path, frames)
    with SegmentWriter(path, info, LOSSLESS) as writer:
        for index in range(frames):
            way = (1 - math.cos(2 * math.pi * index / (frames - 1))) / 2
            view = to_image(_view(picture, 2 * TRAVEL[0] * way, 2 * TRAVEL[1] * way))
            noisy = np.rint(view + generator.normal(0, noise, view.shape)) if noise else view
            image = np.clip(noisy, 0, 255).astype(np.uint8)
            pts = index * like.duration
            writer.write(replace(like, index=index, pts=pts, image=image))


def _view(picture: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """What the camera shows at x, y of the picture, which is twice as large."""
    left, top = math.floor(x), math.floor(y)
    across, down = x - left, y - top
    width, height = 2 * SIZE[0], 2 * SIZE[1]
    part = picture[:, :, top : top + height + 1, left : left + width + 1]
    part = part[:, :, :, :-1] * (1 - across) + part[:, :, :, 1:] * across
    part = part[:, :, :-1] * (1 - down) + part[:, :, 1:] * down
    return torch.nn.functional.avg_pool2d(part, 2)


def _any_frame(path: Path, frames: int) -> tuple[Frame, VideoInfo]:
    """Facts of a film of 25 frames a second, from one of a single frame that PyAV writes."""
    import av  # noqa: PLC0415 - only here

    seed = path.with_suffix(".seed.mkv")
    with av.open(str(seed), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv444p"  # type: ignore[attr-defined]
        blank = av.VideoFrame.from_ndarray(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), "rgb24")
        output.mux(stream.encode(blank))  # type: ignore[attr-defined]
        output.mux(stream.encode(None))  # type: ignore[attr-defined]
    info = probe(seed)
    (frame,) = read_frames(seed, info)
    seed.unlink()
    return frame, replace(info, frames=frames)


def measured(arguments: argparse.Namespace) -> tuple[FilmScore, float, Path, Path]:
    """Score, steps a frame, source and painted film."""
    folder: Path = arguments.out
    style = Path(arguments.style)
    name = f"{arguments.photograph.stem}-{style.stem}-{arguments.frames}-{arguments.noise:g}"
    source, target = folder / f"{name}.mkv", folder / f"{name}-painted.mkv"
    shoot(arguments.photograph, source, arguments.frames, arguments.noise)
    given = {"styles": [{"image": str(style)}], "network": arguments.network}
    recipe = recipe_from_options(Config(), name=None, overrides=given)
    config = Config(
        state_dir=folder / "state", cache_dir=folder / "cache", threads=arguments.threads
    )
    spec = OutputSpec(encode=LOSSLESS, overwrite=True, segment_frames=SEGMENT_FRAMES)
    observer = Steps()
    (result,) = stylize(config, [source], Wanted(recipe, spec), target, observer)
    if result.error is not None:
        raise result.error
    films = match_films(target, source)
    meter = StyleMeter(make_painter(config, recipe), *films.size)
    score = measure(films.frames(), segment_frames=SEGMENT_FRAMES, style=meter)
    return score, sum(observer.taken.values()) / arguments.frames, source, target


def table(score: FilmScore) -> str:
    """Markdown, a line every `EVERY` frames and of the last one."""
    first = score.frames[0].painted
    first_source = score.frames[0].source
    lines = [
        "| frame | luminance | its source | contrast | its source | sharpness | style | flicker |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.index} | {one.painted.luminance / first.luminance - 1:+.2%}"
        f" | {one.source.luminance / first_source.luminance - 1:+.2%}"
        f" | {one.painted.contrast / first.contrast - 1:+.2%}"
        f" | {one.source.contrast / first_source.contrast - 1:+.2%}"
        f" | {one.painted.gradient_energy / first.gradient_energy:.3f} | {one.style:.4f}"
        f" | {FilmScore(score.frames[: one.index + 1]).flicker.ratio:.2f} |"
        for one in (score.frames[number] for number in _looked_at(len(score.frames))[1:])
    ]
    return "\n".join(lines)


def sheet(source: Path, target: Path, path: Path) -> None:
    """Every `EVERY`-th frame and the last, source above paint."""
    rows = []
    for film in (source, target):
        images = [frame.image for frame in read_frames(film, probe(film))]
        rows.append(np.concatenate([images[n] for n in _looked_at(len(images))], axis=1))
    Image.fromarray(np.concatenate(rows)).save(path)


def _looked_at(frames: int) -> list[int]:
    return sorted({*range(0, frames, EVERY), frames - 1})


def main() -> None:
    """Shoot, paint, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--style", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--network", default="pocket")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--noise", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    if arguments.frames < 2:
        parser.error("a camera move has two frames or more")
    logging.basicConfig(level="WARNING")
    arguments.out.mkdir(parents=True, exist_ok=True)
    score, steps, source, target = measured(arguments)
    print(table(score))
    print(
        f"\nsteps a frame {steps:.1f}; flicker {score.flicker.ratio:.2f};"
        f" luminance drift {score.luminance_drift:+.2%};"
        f" contrast drift {score.contrast_drift:+.2%};"
        f" step at {len(score.borders)} segment borders {score.seam_step:.2f}"
    )
    sheet(source, target, target.with_suffix(".png"))


if __name__ == "__main__":
    main()
