"""How well films hold together: every clip in every style by every network, as `nstd stylize` does.

    python bench/temporal.py CLIP... --styles IMAGE... --networks NAME_OR_FILE... --out FOLDER
                             [--photograph IMAGE] [--frames 10] [--size 256] [--codec ffv1]
                             [--temporal '{"weight": 100}'] [--threads 2]

From each clip it takes the `--frames` consecutive frames of one shot in which most moves. From the
photograph it makes seven more clips, whose flow is known exactly: a pan of 2 and 1 px a frame; one
of 1.5 and 0.5 px; both again with a camera's noise (σ = 2 code values); no motion with that noise;
and, with the noise, a disk of the photograph, upside down, that moves over a still ground and over
a pan (these two at a `--size` of 256 or more).

Each clip is painted three times by the default recipe: along the flow; each frame independently;
and the last `TRIPLED` frames independently with three times the steps that a later frame took along
the flow. Films are written without loss, so that the paint alone is scored (`--codec h264` is what
users get). They are scored as `nstd score` does, by Farnebäck's flow, or by the true one where it
is known. Prints a Markdown table:

- E_warp: how much more the film flickers than its source; 1 means no more. After the slash the same
  by Farnebäck's flow as OpenCV finds it; for the first figure it is corrected by the pictures, as
  the painter's flow is (`nstd.flow.Checked`)
- independent: the first figure, of independent frames; and its ratio to that along the flow
- sharpness: gradient energy, relative to independent frames; and that of the last `TRIPLED` frames,
  relative to those with three times the steps
- steps: of the first frame, and of each later one, on average
- style: style loss of the last `TRIPLED` frames, relative to those with three times the steps
- new: style loss where the flow shows something new, relative to the mean over 35 other places of
  the same shape where nothing is new; and that ratio of independent frames, in which no place is
  newer than another: so much do places differ by themselves
- drift: of the luminance

Measurements are kept in FOLDER and not made again, so that a run may be stopped. Beside them lies a
sheet for each case: the frames of source and paint, and their enlarged differences from the warped
frame before.
"""

import argparse
import json
import logging
import math
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from counting import Steps
from PIL import Image

from nstd.config import Config, recipe_from_options
from nstd.flow import Checked, Estimator, Farneback
from nstd.media.pictures import read_still
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.shots import read_shots
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.segment import SegmentWriter
from nstd.painting.pictures import to_image, to_tensor
from nstd.scoring.films import Films, match_films
from nstd.scoring.measuring import measure
from nstd.scoring.result import FilmScore
from nstd.scoring.style import StyleMeter, make_painter
from nstd.style.canvas import resize
from nstd.style.ladder import Level
from nstd.style.recipe import INDEPENDENT, StyleRecipe
from nstd.submit.output import OutputSpec
from nstd.temporal.warp import warp
from nstd.work.stylize import Wanted, stylize

TRIPLED = 2
"""Frames that are painted at three times the steps: the last ones, which were warped most often."""

PAN_SIZE = (256, 144)
Vector = tuple[float, float]
"""Pixels that a picture moves a frame, to the left and up."""

PANS: tuple[tuple[Vector, float, Vector | None], ...] = (
    ((2, 1), 0, None),
    ((1.5, 0.5), 0, None),
    ((2, 1), 2, None),
    ((1.5, 0.5), 2, None),
    ((0, 0), 2, None),
    ((0, 0), 2, (-3, 0.5)),
    ((1.5, 0.5), 2, (-2, -0.5)),
)
"""Motion of the ground, the noise's σ in code values, and the motion of what is before it."""

DISK_PX = 36
"""Radius of what moves before the ground."""

SHEET_FRAMES = 4
GAIN = 4
"""Of the differences in the sheet."""


class Known:
    """The flow of a pan, and of a disk before it, which is known.

    Args:
        motion: Pixels that the picture moves a frame, to the left and up.
        disk: Likewise, of the disk before it; None if there is none.
        frames: Of the film, as they are scored; with a disk only.
    """

    def __init__(self, motion: Vector, disk: Vector | None, frames: Sequence[np.ndarray]) -> None:
        self._motion = motion
        self._disk = disk
        self._numbers = {frame.tobytes(): number for number, frame in enumerate(frames)}

    def estimate(self, earlier: np.ndarray, later: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Backward and forward flow."""
        return self._flow(later), -self._flow(earlier)

    def _flow(self, image: np.ndarray) -> torch.Tensor:
        """Into the frame before `image`."""
        height, width = image.shape[:2]
        flow = np.empty((2, height, width), np.float32)
        flow[:] = np.array(self._motion, np.float32)[:, None, None] * (width / PAN_SIZE[0])
        if self._disk is not None:
            number = self._numbers[image.tobytes()]
            inside = _inside_disk(number - (len(self._numbers) - 1) / 2, self._disk, 1)
            flow[:, inside] = np.array(self._disk, np.float32)[:, None]
        return torch.from_numpy(flow)[None]


def _inside_disk(since: float, motion: Vector, scale: int) -> np.ndarray:
    """Where the disk is, `[height, width]`, of a picture drawn `scale` times as large.

    Args:
        since: Frames since the disk was in the picture's middle.
        motion: Of the disk.
        scale: By which the picture is drawn larger.
    """
    width, height = PAN_SIZE
    middle = [edge / 2 - by * since for edge, by in zip(PAN_SIZE, motion, strict=True)]
    rows, columns = (np.mgrid[0 : height * scale, 0 : width * scale] + 0.5) / scale
    return np.hypot(columns - middle[0], rows - middle[1]) < DISK_PX


@dataclass(frozen=True)
class Scene:
    """Some frames of a film.

    Attributes:
        name: For the table.
        path: The film.
        first: Number of the first frame.
        frames: How many.
        flow: Pixels it moves a frame, if that is known.
        disk: Likewise, of the disk before it.
    """

    name: str
    path: Path
    first: int
    frames: int
    flow: Vector | None = None
    disk: Vector | None = None

    @cached_property
    def known(self) -> Known | None:
        """Its flow, if that is known."""
        if self.flow is None:
            return None
        frames = read_frames(self.path, probe(self.path)) if self.disk else []
        return Known(self.flow, self.disk, [frame.image for frame in frames])

    @property
    def estimator(self) -> Estimator:
        """What it is scored with."""
        return self.known or Checked(Farneback(), "farneback")

    @property
    def occlusions(self) -> Estimator | None:
        """What tells what is new: None for what scores take for it."""
        return self.known


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
    independent: float
    sharpness: float
    last_sharpness: float
    style_loss: float
    tripled_style_loss: float
    new: float
    settled_new: float
    drift: float
    covered: float

    def markdown(self) -> str:
        """A line of the table."""
        by = self.style_loss / self.tripled_style_loss
        return (
            f"| {self.network} | {self.style} | {self.scene}"
            f" | {self.warp:.2f} / {_number(self.plain_warp)}"
            f" | {self.independent:.1f}, {self.independent / self.warp:.0f} ×"
            f" | {self.sharpness:.3f} / {self.last_sharpness:.3f}"
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
    photograph: Path,
    folder: Path,
    like: Path,
    flow: Vector,
    noise: float,
    disk: Vector | None,
    count: int,
) -> Scene:
    """A camera that moves over a photograph, at twice the size of what it shows: no step blurs.

    With `disk` a part of the photograph, upside down, moves before it.
    """
    name = f"pan {flow[0]:g}, {flow[1]:g} px" if any(flow) else "still"
    name = f"disk before {name}" if disk else name
    name += f", noise {noise:g}" if noise else ""
    path = folder / f"{name.replace(', ', '-').replace(' ', '-')}.mkv"
    generator = np.random.default_rng(0)
    width, height = PAN_SIZE
    picture = to_tensor(read_still(photograph).image)
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
            if disk:
                moved = [round(-2 * by * index) for by in disk]
                before = picture[:, :, : 2 * height, : 2 * width].flip(2).roll(moved, (3, 2))
                since = index - (len(frames) - 1) / 2
                inside = torch.from_numpy(_inside_disk(since, disk, 2))
                view = torch.where(inside, before, view)
            small = to_image(torch.nn.functional.avg_pool2d(view, 2))
            noisy = np.rint(small + generator.normal(0, noise, small.shape)) if noise else small
            image = np.clip(noisy, 0, 255).astype(np.uint8)
            writer.write(replace(frame, image=image))
    return Scene(name, path, 0, len(frames), flow, disk)


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
        last = max(scene.first, scene.first + scene.frames - TRIPLED)
        flow, steps = self._paint("flow", self.recipe, scene.first)
        alone = replace(self.recipe, temporal=INDEPENDENT)
        independent, _ = self._paint("independent", alone, scene.first)
        later = [count for frame, count in steps.items() if frame > scene.first]
        mean = _mean(list(map(float, later)))
        # At the size that is painted, as a later frame is.
        edge = max(self.films("flow").size)
        thrice = replace(alone, levels=(Level(edge, max(1, round(3 * mean))),))
        tripled, _ = self._paint("tripled", thrice, last)
        ends = [FilmScore(film.frames[last - scene.first :]) for film in (flow, independent)]
        row = Row(
            *self.names,
            first_steps=steps[scene.first],
            later_steps=mean,
            warp=flow.warp_ratio,
            plain_warp=self._plain_warp(),
            independent=independent.warp_ratio,
            sharpness=flow.energy / independent.energy,
            last_sharpness=ends[0].energy / ends[1].energy,
            style_loss=ends[0].style_loss,
            tripled_style_loss=tripled.style_loss,
            new=flow.new_ratio,
            settled_new=independent.new_ratio,
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
        frames = self.films("flow").frames()
        return measure(frames, segment_frames=48, estimator=Farneback()).warp_ratio

    def films(self, mode: str) -> Films:
        """The film that was painted in a mode, with its source."""
        return match_films(self._target(mode), self.scene.path, first=self.scene.first)

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
        (result,) = stylize(self.config, [scene.path], Wanted(recipe, spec), target, steps)
        if result.error is not None:
            raise result.error
        films = match_films(target, scene.path, first=first)
        meter = StyleMeter(make_painter(self.config, recipe), *films.size)
        score = measure(
            films.frames(),
            segment_frames=48,
            estimator=scene.estimator,
            occlusions=scene.occlusions,
            style=meter,
        )
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
            moved = warp(to_tensor(earlier), backward)
            off = (to_tensor(later) - moved).abs() * GAIN
            parts += [later, to_image(off.clamp(0, 1))]
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
            pan(arguments.photograph, folder, like, flow, noise, disk, count)
            for flow, noise, disk in PANS
            # A disk's flow is known at the size it was drawn at.
            if disk is None or arguments.size >= PAN_SIZE[0]
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
