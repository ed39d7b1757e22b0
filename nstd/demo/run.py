"""From nothing to a painted film: copy the film that ships, paint it, show both side by side."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from nstd.config import Config
from nstd.demo.files import DemoFiles, put
from nstd.demo.sheet import write_sheet
from nstd.errors import from_os_error
from nstd.files import part_path, removed_on_failure, sync_file
from nstd.media.write.codecs import EncodeSettings
from nstd.style.recipe import StyleRecipe
from nstd.submit.freeze import ENCODER_THREADS, paints_on_gpu
from nstd.submit.inputs import absolute
from nstd.submit.output import OutputSpec
from nstd.weights.catalog import choose_network
from nstd.work.crew import device_names
from nstd.work.film import Observer
from nstd.work.result import Result
from nstd.work.stylize import Wanted, stylize

FILM = Path(__file__).parents[1] / "data/demo.mp4"
"""A harbor at dusk, drawn by `art/harbor` in the repository."""

FRAMES = 24
FRAME_RATE = 12
"""Frames of `FILM`, and frames in a second."""

_QUALITY = 16
"""Rate factor of H.264: low, since painted grain is fine and the film is short."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The files that the demonstration has made.

    Attributes:
        sample: The film as it ships.
        painted: The same film, painted.
        sheet: Moments of both, one above the other.
        kept: Those of the three that were there already, and were left as they are.
    """

    sample: Path
    painted: Path
    sheet: Path
    kept: tuple[Path, ...]


def make_demo(
    config: Config,
    recipe: StyleRecipe,
    folder: Path,
    observer: Observer,
    *,
    frames: int = FRAMES,
    overwrite: bool = False,
) -> Demo:
    """Paint the film that ships as `nstd stylize` would, and show both side by side.

    What an earlier run has finished is left as it is, and what it has begun is continued.

    Args:
        config: For its folders, devices and threads.
        recipe: The look.
        folder: Where the three files go; made where it is not there.
        observer: Who looks on.
        frames: How many frames of the film are painted, 1…24.
        overwrite: Replace files that are there already, and paint anew.

    Raises:
        OutputExistsError: A file in the folder is in the way.
        NstdError: Whatever the painting ends with; `Interrupted` where the observer asked to stop.
    """
    # A missing device or network must show before anything is written.
    device_names(config)
    choose_network(recipe.network, config.cache_dir, gpu=paints_on_gpu(config))
    files = DemoFiles(absolute(folder))
    with files.held():
        if not overwrite:
            files.require_in_order()
        return _make(config, recipe, files, observer, frames=frames, overwrite=overwrite)


def _make(
    config: Config,
    recipe: StyleRecipe,
    files: DemoFiles,
    observer: Observer,
    *,
    frames: int,
    overwrite: bool,
) -> Demo:
    kept = []
    if not put(_copy(files.sample), files.sample, overwrite=overwrite):
        kept.append(files.sample)
    before = _stamp(files.painted)
    result = _paint(config, recipe, files, observer, frames=frames, overwrite=overwrite)
    if result.error is not None:
        raise result.error
    if before == _stamp(files.painted):
        kept.append(files.painted)
    if not put(
        write_sheet(files, Path(recipe.styles[0].image).stem), files.sheet, overwrite=overwrite
    ):
        kept.append(files.sheet)
    return Demo(files.sample, files.painted, files.sheet, tuple(kept))


def _copy(target: Path) -> Path:
    """The film that ships, as the hidden part beside `target`, on the disk."""
    part = part_path(target)
    with removed_on_failure(part):
        try:
            shutil.copyfile(FILM, part)
        except OSError as error:
            raise from_os_error(error, target, "writing") from error
        sync_file(part)
    return part


def _paint(
    config: Config,
    recipe: StyleRecipe,
    files: DemoFiles,
    observer: Observer,
    *,
    frames: int,
    overwrite: bool,
) -> Result:
    encode = EncodeSettings(quality=_QUALITY, threads=ENCODER_THREADS)
    output = OutputSpec(
        encode=encode,
        last=None if frames >= FRAMES else frames - 1,
        segment_frames=config.segment_frames,
        overwrite=overwrite,
        limits=config.limits_of(),
    )
    (result,) = stylize(config, [files.sample], Wanted(recipe, output), files.painted, observer)
    return result


def _stamp(path: Path) -> tuple[int, int] | None:
    """What shows whether a file was replaced; None if there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    return found.st_ino, found.st_mtime_ns
