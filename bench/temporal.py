"""How well films hold together, by judges that share no code with painting. Three tables.

    python bench/temporal.py flow PHOTOGRAPH... --makers dis nstd.flow:Dis --out FOLDER
    python bench/temporal.py scenes PHOTOGRAPH... --styles IMAGE... --makers true dis --out FOLDER
    python bench/temporal.py clips CLIP... --styles IMAGE... --makers dis dis@before --out FOLDER

A *maker* finds the flow, and paints along it: `dis` or another estimator that a recipe can name;
`module:attribute`, a class or an object with a method `estimate`; or `true`, the flow that is
known. `dis@CHECKOUT` does both with another nstd, such as `git worktree add` makes.

- *flow*: how far each flow is from the true one, in scenes whose motion is known exactly
  (`nstd.scoring.scenes`), over the pixels that both frames show, both ways: mean end-point error
  and length of the mean error, in pixels; after the comma, of 100 pixels, those off by more than
  0.3 and 0.5 px, and those that stand still
- *scenes*: the same scenes painted along each flow, by the default recipe. E_warp along the true
  flow, in squared code values, of the source and of each film; after the comma style loss where
  something new is seen, relative to that of the same shape at other places
- *clips*: from each clip the consecutive frames of a shot in which most moves, judged along a flow
  by Farnebäck's method where DIS agrees (`nstd.scoring.judge`): the share of pixels that counts;
  the texture-normalized ratio of frames painted each for itself; of each film that ratio as
  painted, of what a player shows of it as H.264, and as painted without the judge's conditions;
  after the comma gradient energy, variance of the Laplacian, and style loss, relative to the last
  maker's

Flows and films are kept in FOLDER, and made again only if the code that makes them has changed; so
a run may be stopped. All figures are also written to FOLDER as JSON. Beside them lies a sheet for
each scene and clip: a row for the source and each maker, of frames and of the last one's
difference, enlarged, from the one before it warped.
"""

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import torch
from apart import Maker, maker
from PIL import Image

from nstd.config import Config, recipe_from_options
from nstd.media.frame import Frame, VideoInfo
from nstd.media.pictures import read_still
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.shots import read_shots
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.segment import SegmentWriter
from nstd.painting.pictures import scaled
from nstd.scoring.judge import Verdict, find_motion, judge_pair, sample
from nstd.scoring.known import flow_error, mean_error, sums_along_truth
from nstd.scoring.numbers import look_of
from nstd.scoring.scenes import Scene, scenes
from nstd.scoring.style import StyleMeter, make_painter
from nstd.style.optimize import Painter

SHEET_FRAMES = 3
GAIN = 4
"""Of the differences in the sheets."""

RELATIVE = ("gradients", "laplacian", "style_loss")
"""Of clips: what is relative to the last maker's."""

INDEPENDENT_FRAMES = 3
"""Of each clip that are painted each for itself: two pairs tell how much that flickers."""


# --- flow -----------------------------------------------------------------------------------------


def flow_table(arguments: argparse.Namespace, makers: Sequence[Maker]) -> Iterator[dict[str, Any]]:
    """A row for each scene, a cell for each maker."""
    print(*_head("scene", *(one.name for one in makers)), sep="\n")
    for scene in suite(arguments):
        frames = all_frames(scene)
        cells = []
        for one in makers:
            found = flows_of(one, scene, frames)
            error = mean_error(
                flow_error(found[number - 1], scene, number) for number in range(1, scene.frames)
            )
            shares = (error.off_by_03, error.off_by_05, error.at_zero)
            percents = " / ".join(f"{100 * share:.1f}" for share in shares)
            cells.append(f"{error.end_point:.3f} / {error.bias:.3f}, {percents}")
            yield {"scene": scene.name, "maker": one.name, **asdict(error)}
        print(f"| {scene.name} | {' | '.join(cells)} |", flush=True)


def suite(arguments: argparse.Namespace) -> list[Scene]:
    """The scenes that are asked for."""
    photographs = [read_still(path).image for path in arguments.inputs]
    width = arguments.size
    size = (width, round(width * 9 / 32) * 2)
    found = scenes(photographs, size, arguments.frames)
    return [one for one in found if arguments.only in one.name]


def all_frames(scene: Scene) -> np.ndarray:
    """Uint8 `[frames, height, width, 3]`."""
    return np.stack([scene.frame(number) for number in range(scene.frames)])


def flows_of(one: Maker, scene: Scene, frames: np.ndarray) -> np.ndarray:
    """Found by a maker, or the true ones: `[frames - 1, 2, 2, height, width]`."""
    if one.estimator != "true":
        return one.flows(frames)
    return np.stack([np.stack(scene.flow(number)[:2]) for number in range(1, len(frames))])


# --- scenes ---------------------------------------------------------------------------------------


def scenes_table(
    arguments: argparse.Namespace, makers: Sequence[Maker]
) -> Iterator[dict[str, Any]]:
    """A row for each style and scene, a cell for each maker."""
    print(*_head("style", "scene", "source", *(one.name for one in makers)), sep="\n")
    for style in arguments.styles:
        options = recipe_options(arguments, style)
        for scene in suite(arguments):
            frames = all_frames(scene)
            films = {
                one.name: one.paint(frames, flows_of(one, scene, frames), options, cuts_of(scene))
                for one in makers
            }
            revealed = {
                number: scene.revealed(number)
                for number in set(range(1, scene.frames)).difference(cuts_of(scene))
            }
            source, *sums = sums_along_truth(scene, [frames, *films.values()])
            cells = [f"{source.error * 255**2:.2f}"]
            for (name, film), own in zip(films.items(), sums, strict=True):
                new = styled(options, film, frames, revealed)[1]
                cells.append(f"{own.error * 255**2:.2f}, {_number(new)}")
                yield {
                    "style": style.stem,
                    "scene": scene.name,
                    "maker": name,
                    "one_motion": scene.one_motion,
                    "error": own.error * 255**2,
                    "source_error": source.error * 255**2,
                    "normalized": own.normalized,
                    "new": new,
                }
            print(f"| {style.stem} | {scene.name} | {' | '.join(cells)} |", flush=True)
            backward = scene.flow(scene.frames - 1).backward.transpose(1, 2, 0)
            sheet({"source": frames, **films}, backward, arguments.out, style.stem, scene.name)


def cuts_of(scene: Scene) -> list[int]:
    """Numbers of the frames with which further shots begin."""
    return [] if scene.cut is None else [scene.cut]


# --- clips ----------------------------------------------------------------------------------------


def clips_table(arguments: argparse.Namespace, makers: Sequence[Maker]) -> Iterator[dict[str, Any]]:
    """A row for each style and clip, a cell for each maker."""
    names = [one.name for one in makers]
    print(*_head("style", "clip", "counted", "independent", *names), sep="\n")
    rows = []
    for style in arguments.styles:
        options = recipe_options(arguments, style)
        for clip in arguments.inputs:
            frames = liveliest(clip, arguments.frames, arguments.size)
            films = {one.name: one.paint(frames, one.flows(frames), options) for one in makers}
            alone = makers[0].paint(frames[:INDEPENDENT_FRAMES], None, options)
            played = {f"{name} as H.264": shown(film) for name, film in films.items()}
            verdicts = judged(frames, {**films, **played})
            independent = judged(frames[:INDEPENDENT_FRAMES], {"": alone})[""].ratio
            own_rows = []
            for name, film in films.items():
                gradients, laplacian = sharpness(film)
                row = {
                    "style": style.stem,
                    "clip": clip.stem,
                    "maker": name,
                    "counted": verdicts[name].counted,
                    "independent": independent,
                    "ratio": verdicts[name].ratio,
                    "played": verdicts[f"{name} as H.264"].ratio,
                    "unconditioned": verdicts[name].unconditioned_ratio,
                    "gradients": gradients,
                    "laplacian": laplacian,
                    "style_loss": styled(options, film, frames)[0],
                }
                own_rows.append(row)
            for key in RELATIVE:
                last = own_rows[-1][key]
                for row in own_rows:
                    row[key] /= last
            yield from own_rows
            rows += own_rows
            print(_clip_line(own_rows), flush=True)
            backward = find_motion(frames[-2], frames[-1]).backward
            sheet({"source": frames, **films}, backward, arguments.out, style.stem, clip.stem)
    for what, of in (("median", statistics.median), ("largest", max)):
        parts = [[row for row in rows if row["maker"] == name] for name in names]
        whole = [
            {key: of([row[key] for row in part]) for key in list(part[0])[3:]} for part in parts
        ]
        print(_clip_line([{"style": what, "clip": "", **one} for one in whole]))


def _clip_line(rows: list[dict[str, Any]]) -> str:
    first = rows[0]
    cells = [
        first["style"],
        first["clip"],
        f"{first['counted']:.0%}",
        f"{first['independent']:.1f}",
    ]
    for row in rows:
        ratios = " / ".join(f"{row[key]:.2f}" for key in ("ratio", "played", "unconditioned"))
        cells.append(f"{ratios}, {' / '.join(f'{row[key]:.2f}' for key in RELATIVE)}")
    return f"| {' | '.join(cells)} |"


def liveliest(path: Path, count: int, edge: int) -> np.ndarray:
    """The consecutive frames of one shot in which most moves, at most `edge` px wide or high."""
    info = probe(path)
    scale = min(1.0, edge / max(info.width, info.height))
    size = (round(info.width * scale / 2) * 2, round(info.height * scale / 2) * 2)
    frames: list[np.ndarray] = []
    changes: list[float] = []
    for one in read_shots(path, info):
        frames.append(scaled(one.frame.image, size))
        cut = len(frames) == 1 or one.begins_shot
        gray = [frame.astype(np.float32).mean(axis=2) for frame in frames[-2:]]
        changes.append(math.inf if cut else float(np.abs(gray[1] - gray[0]).mean()))
    count = min(count, len(frames))

    def motion(first: int) -> float:
        inside = changes[first + 1 : first + count]
        return -1.0 if math.inf in inside else sum(inside)

    while max(motion(first) for first in range(len(frames) - count + 1)) < 0:
        count -= 1
    first = max(range(len(frames) - count + 1), key=motion)
    return np.stack(frames[first : first + count])


def judged(frames: np.ndarray, films: dict[str, np.ndarray]) -> dict[str, Verdict]:
    """The judge's verdicts on films of one source."""
    total = dict.fromkeys(films, Verdict())
    for number in range(1, len(frames)):
        pairs = {name: (film[number - 1], film[number]) for name, film in films.items()}
        found = judge_pair((frames[number - 1], frames[number]), pairs)
        total = {name: total[name] + found[name] for name in films}
    return total


def shown(film: np.ndarray) -> np.ndarray:
    """What a player shows of a film that is written as nstd does by default."""
    height, width = film.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        path, unit, count = Path(folder) / "film.mp4", Fraction(1, 25), len(film)
        info = VideoInfo(0, width, height, 1 / unit, unit, 0, count, count)
        with SegmentWriter(path, info, EncodeSettings()) as writer:
            for number, picture in enumerate(film):
                writer.write(Frame(picture, number, number, 1, unit))
        with closing(read_frames(path, probe(path))) as played:  # type: ignore[type-var]
            return np.stack([frame.image for frame in played])


def sharpness(film: np.ndarray) -> tuple[float, float]:
    """Gradient energy and variance of the Laplacian."""
    looks = [look_of(frame) for frame in film]
    return (
        statistics.fmean(look.gradient_energy for look in looks),
        statistics.fmean(look.laplacian_variance for look in looks),
    )


# --- what all share -------------------------------------------------------------------------------


def recipe_options(arguments: argparse.Namespace, style: Path) -> dict[str, Any]:
    """The keys of the recipe."""
    given: dict[str, Any] = json.loads(arguments.recipe)
    # Another checkout has another working folder.
    return {"styles": [{"image": str(style.resolve())}], "network": arguments.network, **given}


def styled(
    options: dict[str, Any],
    film: np.ndarray,
    source: np.ndarray,
    revealed: Mapping[int, np.ndarray] = MappingProxyType({}),
) -> tuple[float, float]:
    """Mean style loss of all frames but the first, which is painted for itself; and new places'.

    That of `revealed`, by number of the frame, is relative to the same shapes at other places.
    """
    height, width = film.shape[1:3]
    meter = StyleMeter(painter_of(json.dumps(options)), width, height)
    losses = [
        meter.add(painted, own, revealed.get(number), begins_shot=number == 0)[0]
        for number, (painted, own) in enumerate(zip(film, source, strict=True))
    ]
    score = meter.result()
    return statistics.fmean(losses[1:]), score.new / score.shifted


@cache
def painter_of(options: str) -> Painter:
    """What measures style losses."""
    config = Config(threads=torch.get_num_threads())
    return make_painter(
        config, recipe_from_options(config, name=None, overrides=json.loads(options))
    )


def sheet(films: dict[str, np.ndarray], backward: np.ndarray, out: Path, *names: str) -> None:
    """A row for each film: its last frames, and how the last one differs from the one before."""
    rows, columns = np.mgrid[: backward.shape[0], : backward.shape[1]].astype(np.float32)
    places = (columns + backward[..., 0], rows + backward[..., 1])
    strips = []
    for film in films.values():
        before = film[-2].astype(np.float32)
        moved = sample(before, *(place.ravel() for place in places)).reshape(before.shape)
        off = np.abs(film[-1] - moved) * GAIN
        strips.append([*film[-SHEET_FRAMES:], off.clip(0, 255).astype(np.uint8)])
    picture = np.concatenate([np.concatenate(strip, axis=1) for strip in strips])
    Image.fromarray(picture).save(out / f"{'-'.join(names).replace(' ', '_')}.png")


def _head(*columns: str) -> tuple[str, str]:
    return f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


TABLES = {"flow": flow_table, "scenes": scenes_table, "clips": clips_table}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("inputs", type=Path, nargs="+", help="photographs, or clips")
    parser.add_argument("--makers", nargs="+", required=True)
    parser.add_argument("--styles", type=Path, nargs="+", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--network", default="pocket")
    parser.add_argument("--recipe", default="{}", help="further keys of the recipe, as JSON")
    parser.add_argument("--only", default="", help="scenes whose name has this in it")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    makers = [maker(said, arguments.out / "kept", arguments.threads) for said in arguments.makers]
    rows = []
    try:
        for row in TABLES[arguments.table](arguments, makers):
            rows.append(row)
            (arguments.out / f"{arguments.table}.json").write_text(json.dumps(rows, indent=1))
    finally:
        for one in makers:
            one.close()


if __name__ == "__main__":
    main()
