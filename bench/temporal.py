"""How films hold together: every clip, style and network, as `nstd stylize` paints them.

    python bench/temporal.py CLIP... --styles IMAGE... --networks NAME_OR_FILE... --out FOLDER
                             [--photograph IMAGE] [--frames 10] [--size 256] [--codec ffv1]
                             [--temporal '{"weight": 100}'] [--threads 2]

Of each clip those `--frames` frames of one shot are taken in which most moves; a photograph becomes
five more, whose flow is known exactly: a pan of 2 and 1 px a frame, one of 1.5 and 0.5 px, both
once more with a camera's noise (σ = 2 code values), and no motion with that noise. Each is painted
three times with the default recipe: along the flow; the last `COMPARED` frames each for itself; and
likewise at three times the steps that a later frame along the flow took. Films are written without
loss, so that what is scored is the paint (`--codec h264` is what users get). All are scored as
`nstd score` does, by Farnebäck's flow (the pans by the true one), and a Markdown table is printed:

- E_warp: how much more it flickers than its source; 1 is: no more. After the slash the same along
  Farnebäck's flow as OpenCV finds it: else that is mended by what the pictures show, as the
  painter's is (`nstd.flow.Checked`)
- independent: the same, first figure, of frames painted each for itself; and by how many times that
  is more than along the flow, over the same frames
- sharpness: gradient energy, by that of the same frames painted each for itself; and the first
  frame's, which is painted for itself in either mode, by the same
- steps: of the first frame, and of each later one, on average
- style: style loss, by that of the independent mode at three times the steps
- new: style loss of what is new, by that of the same masks moved to where nothing is new; and the
  same of frames painted for themselves (the mean of two), in whose masked places nothing is new:
  what the picture's places differ by of themselves
- drift: of the luminance

What is measured is kept in FOLDER and not measured again, so that a run may be stopped. Beside it
lies a sheet for each case: of source and paint the frames, and their differences from the warped
frame before, enlarged.
"""

import argparse
import json
import logging
import math
import shutil
import subprocess
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from nstd.batch import stylize
from nstd.config import Config, recipe_from_options
from nstd.film import OutputSpec, to_images, to_tensor
from nstd.flow import Checked, Estimator, Farneback
from nstd.jobs.job import Job
from nstd.media.image import read_still
from nstd.media.probe import probe
from nstd.media.reader import read_frames
from nstd.media.shots import read_shots
from nstd.media.writer import EncodeSettings, SegmentWriter
from nstd.scoring.films import Films, match_films
from nstd.scoring.measuring import Matched, measure
from nstd.scoring.result import FilmScore
from nstd.scoring.style import StyleMeter, make_painter
from nstd.style.optimize import Iterate
from nstd.style.recipe import INDEPENDENT, Level, StyleRecipe
from nstd.style.targets import resize
from nstd.style.temporal import warp

COMPARED = 2
"""Frames that are painted for themselves: the last ones, which were warped most often."""

PAN_SIZE = (256, 144)
PANS = (((2, 1), 0), ((1.5, 0.5), 0), ((2, 1), 2), ((1.5, 0.5), 2), ((0, 0), 2))
"""Motion in pixels a frame, and the noise's σ in code values."""
SHEET_FRAMES = 4
GAIN = 4
"""Of the differences in the sheet."""


class Known:
    """The flow of a pan, which is known.

    Args:
        flow: Pixels that the picture moves a frame, to the left and up.
    """

    def __init__(self, flow: tuple[float, float]) -> None:
        self._flow = flow

    def estimate(self, earlier: np.ndarray, later: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Backward and forward flow."""
        height, width = np.broadcast_shapes(earlier.shape, later.shape)[:2]
        shown = width / PAN_SIZE[0]
        vector = torch.tensor(self._flow, dtype=torch.float32)[None, :, None, None] * shown
        backward = vector.expand(1, 2, height, width).clone()
        return backward, -backward


@dataclass(frozen=True)
class Scene:
    """Some frames of a film.

    Attributes:
        name: For the table.
        path: The film.
        first: Number of the first frame.
        frames: How many.
        flow: Pixels it moves a frame, if that is known.
    """

    name: str
    path: Path
    first: int
    frames: int
    flow: tuple[float, float] | None = None

    @property
    def estimator(self) -> Estimator:
        """What it is scored with."""
        return Checked(Farneback(), "farneback") if self.flow is None else Known(self.flow)

    @property
    def occlusions(self) -> Estimator | None:
        """What tells what is new: None for what scores take for it."""
        return None if self.flow is None else Known(self.flow)


class Steps:
    """An observer that counts steps."""

    stopping = False

    def __init__(self) -> None:
        self.taken: dict[int, int] = {}

    def began(self, job: Job, *, painted: int, total: int) -> None:
        """Nothing is to be done."""

    def alive(self) -> None:
        """Nothing is to be done."""

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """Count it."""
        self.taken[frame] = self.taken.get(frame, 0) + (not iterate.final)

    def painted(self, frame: int) -> None:
        """Nothing is to be done."""


@dataclass(frozen=True)
class Row:
    """What is known of one clip, style and network."""

    scene: str
    style: str
    network: str
    first_steps: int
    later_steps: float
    warp: float
    plain_warp: float
    compared_warp: float
    independent: float
    sharpness: float
    first_sharpness: float
    style_loss: float
    tripled_style_loss: float
    full_style_loss: float
    new: float
    drift: float
    covered: float
    settled_new: float = math.nan

    def markdown(self) -> str:
        """A line of the table."""
        by = self.style_loss / self.tripled_style_loss
        return (
            f"| {self.network} | {self.style} | {self.scene}"
            f" | {self.warp:.2f} / {_number(self.plain_warp)}"
            f" | {self.independent:.1f}, {self.independent / self.compared_warp:.0f} ×"
            f" | {self.sharpness:.3f} / {self.first_sharpness:.3f}"
            f" | {self.first_steps} / {self.later_steps:.1f} | {by:.2f}"
            f" | {_number(self.new)} / {_number(self.settled_new)} | {self.drift:+.1%} |"
        )


HEADER = (
    "| network | style | clip | E_warp | independent | sharpness | steps | style | new | drift |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def liveliest(path: Path, count: int, name: str) -> Scene:
    """The run of frames of one shot in which most moves."""
    info = probe(path)
    changes: list[float] = []
    before: np.ndarray | None = None
    for one in read_shots(path, info):
        gray = one.frame.image[::4, ::4].astype(np.float32).mean(axis=2)
        cut = before is None or one.begins_shot
        changes.append(math.inf if cut else float(np.abs(gray - before).mean()))
        before = gray
    count = min(count, len(changes))

    def motion(first: int) -> float:
        inside = changes[first + 1 : first + count]
        return -1.0 if math.inf in inside else sum(inside)

    while max(motion(first) for first in range(len(changes) - count + 1)) < 0:
        count -= 1
    return Scene(name, path, max(range(len(changes) - count + 1), key=motion), count)


def pan(
    photograph: Path, folder: Path, like: Path, flow: tuple[float, float], noise: float, count: int
) -> Scene:
    """A camera that moves over a photograph, at twice the size of what it shows: no step blurs."""
    name = f"pan {flow[0]:g}, {flow[1]:g} px" if any(flow) else "still"
    name += f", noise {noise:g}" if noise else ""
    path = folder / f"{name.replace(', ', '-').replace(' ', '-')}.mkv"
    generator = np.random.default_rng(0)
    width, height = PAN_SIZE
    picture = to_tensor([read_still(photograph).image])
    need = [2 * (edge + math.ceil(by * count)) for edge, by in zip(PAN_SIZE, flow, strict=True)]
    scale = max(need[0] / picture.shape[3], need[1] / picture.shape[2])
    picture = resize(picture, *(math.ceil(edge * scale) for edge in picture.shape[:1:-1]))
    like_info = probe(like)
    info = replace(like_info, width=width, height=height, frames=count, rotation=0)
    with SegmentWriter(path, info, EncodeSettings(codec="ffv1", container="mkv")) as writer:
        frames = list(islice(read_frames(like, like_info), count))
        for index, frame in enumerate(frames):
            left, top = (round(2 * by * index) for by in flow)
            view = picture[:, :, top : top + 2 * height, left : left + 2 * width]
            small = to_images(torch.nn.functional.avg_pool2d(view, 2))[0]
            noisy = np.rint(small + generator.normal(0, noise, small.shape)) if noise else small
            image = np.clip(noisy, 0, 255).astype(np.uint8)
            writer.write(replace(frame, image=image))
    return Scene(name, path, 0, len(frames), flow)


@dataclass(frozen=True)
class Case:
    """One clip, style and network.

    Attributes:
        scene: What is painted.
        recipe: How, along the flow.
        folder: For films, scores and sheets.
        codec: Of the films.
        threads: Of the CPU.
    """

    scene: Scene
    recipe: StyleRecipe
    folder: Path
    codec: str
    threads: int

    @cached_property
    def names(self) -> tuple[str, str, str]:
        """Of clip, style and network."""
        return (
            self.scene.name,
            Path(self.recipe.styles[0].image).stem,
            Path(self.recipe.network).stem,
        )

    @property
    def stem(self) -> str:
        """Of the case's files."""
        return "-".join(self.names).replace(", ", "-").replace(" ", "_")

    @property
    def config(self) -> Config:
        """With folders of its own."""
        return Config(
            state_dir=self.folder / "state",
            cache_dir=self.folder / "cache",
            threads=self.threads,
        )

    def measured(self) -> Row:
        """The row, painted and scored if it is not there already."""
        kept = self.folder / f"{self.stem}.json"
        asked = self._asked()
        if kept.exists():
            found = json.loads(kept.read_text())
            # Of files that are in no commit nobody knows what was in them.
            known = asked["nstd"] and not asked["nstd"].endswith("-dirty")
            if found.pop("asked", None) == asked and known:
                return Row(**found)
        scene = self.scene
        compared = self._first_compared
        flow, steps = self._paint("flow", self.recipe, scene.first)
        alone = replace(self.recipe, temporal=INDEPENDENT)
        full, _ = self._paint("independent", alone, compared)
        later = [count for frame, count in steps.items() if frame > scene.first]
        mean = _mean(list(map(float, later)))
        # At the size that is painted, as a later frame is.
        edge = max(self._films("flow").size)
        tripled = replace(alone, levels=(Level(edge, max(1, round(3 * mean))),))
        third, _ = self._paint("tripled", tripled, compared)
        frames = flow.frames[compared - scene.first :]
        row = Row(
            *self.names,
            first_steps=steps[scene.first],
            later_steps=mean,
            warp=flow.warp_ratio,
            plain_warp=self._plain_warp(),
            compared_warp=FilmScore(frames[1:]).warp_ratio,
            independent=full.warp_ratio,
            sharpness=_mean([f.energy for f in frames]) / full.energy,
            first_sharpness=flow.frames[0].energy / full.energy,
            style_loss=_mean([f.style or 0.0 for f in frames]),
            tripled_style_loss=third.style_loss,
            full_style_loss=full.style_loss,
            new=flow.new_ratio,
            settled_new=self._settled_new(),
            drift=flow.luminance_drift,
            covered=flow.covered,
        )
        kept.write_text(json.dumps(asdict(row) | {"asked": asked}, indent=1))
        return row

    def _asked(self) -> dict[str, Any]:
        """What a row is of: where any of it differs, it is measured again."""
        facts = self.scene.path.stat()
        named = asdict(self.scene) | {"path": str(self.scene.path.resolve())}
        film = {"size": facts.st_size, "recipe": self.recipe.to_json(), "codec": self.codec}
        asked: dict[str, Any] = json.loads(json.dumps(named | film | {"nstd": version()}))
        return asked

    def _plain_warp(self) -> float:
        """E_warp of the film painted along the flow, by Farnebäck's flow as OpenCV finds it."""
        if self.scene.flow is not None:
            return math.nan
        frames = self._films("flow").frames()
        return measure(frames, segment_frames=48, estimator=Farneback()).warp_ratio

    def _settled_new(self) -> float:
        """`new` of frames that were painted for themselves, under the masks of all the film.

        The mean of two: the shot's first frame, and the first of the independent mode's.
        """
        meter = StyleMeter(make_painter(self.config, self.recipe), *self._films("flow").size)
        ratios = []
        for mode in ("flow", "independent"):
            with closing(self._films(mode).frames()) as frames:
                painted = next(frames).painted
            settled = (replace(one, painted=painted) for one in self._films("flow").frames())
            score = self._measure(settled, meter)
            ratios.append(score.new_ratio)
        return _mean(ratios)

    def _measure(self, frames: Iterable[Matched], meter: StyleMeter) -> FilmScore:
        return measure(
            frames,
            segment_frames=48,
            estimator=self.scene.estimator,
            occlusions=self.scene.occlusions,
            style=meter,
        )

    def _films(self, mode: str) -> Films:
        first = self.scene.first if mode == "flow" else self._first_compared
        return match_films(self._target(mode), self.scene.path, first=first)

    @property
    def _first_compared(self) -> int:
        return max(self.scene.first, self.scene.first + self.scene.frames - COMPARED)

    def _target(self, mode: str) -> Path:
        return self.folder / f"{self.stem}-{mode}.mkv"

    def _paint(
        self, mode: str, recipe: StyleRecipe, first: int
    ) -> tuple[FilmScore, dict[int, int]]:
        scene = self.scene
        # What was begun and stopped may be of another commit.
        shutil.rmtree(self.config.state_dir, ignore_errors=True)
        spec = OutputSpec(
            encode=EncodeSettings(codec=self.codec, container="mkv"),
            first=first,
            last=scene.first + scene.frames - 1,
            overwrite=True,
        )
        target, steps = self._target(mode), Steps()
        (result,) = stylize(self.config, [scene.path], recipe, spec, target, steps)
        if result.error is not None:
            raise result.error
        films = match_films(target, scene.path, first=first)
        meter = StyleMeter(make_painter(self.config, recipe), *films.size)
        score = self._measure(films.frames(), meter)
        if mode == "flow":
            frames = [(one.source, one.painted) for one in films.frames()]
            sheet(frames[-SHEET_FRAMES - 1 :], scene, self.folder / f"{self.stem}.png")
        return score, steps.taken


def sheet(frames: list[tuple[np.ndarray, np.ndarray]], scene: Scene, path: Path) -> None:
    """Columns of source, its difference from the warped frame before, paint, its difference."""
    columns = []
    for before, now in pairwise(frames):
        backward, _ = scene.estimator.estimate(before[0], now[0])
        parts = []
        for earlier, later in zip(before, now, strict=True):
            moved = warp(to_tensor([earlier]), backward)
            off = (to_tensor([later]) - moved).abs() * GAIN
            parts += [later, to_images(off.clamp(0, 1))[0]]
        columns.append(np.concatenate(parts))
    Image.fromarray(np.concatenate(columns, axis=1)).save(path)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


@cache
def version() -> str:
    """The commit that is measured, and whether anything of it was changed."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    folder = Path(__file__).parent
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout.strip()  # noqa: PLW1510


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Everything that is asked for."""
    count, folder = arguments.frames, arguments.out
    scenes = [liveliest(clip, count, clip.stem) for clip in arguments.clips]
    if arguments.photograph:
        like = arguments.clips[0]
        scenes += [
            pan(arguments.photograph, folder, like, flow, noise, count) for flow, noise in PANS
        ]
    temporal: dict[str, Any] = json.loads(arguments.temporal)
    if "long_term" in temporal:
        temporal["long_term"] = tuple(temporal["long_term"])
    found = []
    for style, network in product(arguments.styles, arguments.networks):
        given = {"styles": [{"image": str(style)}], "network": network}
        chosen = recipe_from_options(Config(), name=None, overrides=given)
        held = replace(chosen, temporal=replace(chosen.temporal, **temporal))
        for scene in scenes:
            info = probe(scene.path)
            size = None if max(info.width, info.height) < arguments.size else arguments.size
            painted = replace(held, size=size)
            found.append(Case(scene, painted, folder, arguments.codec, arguments.threads))
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--styles", type=Path, nargs="+", required=True)
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--photograph", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--codec", default="ffv1")
    parser.add_argument("--temporal", default="{}")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    logging.basicConfig(level="WARNING")
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(HEADER, flush=True)
    for case in cases(arguments):
        print(case.measured().markdown(), flush=True)


if __name__ == "__main__":
    main()
