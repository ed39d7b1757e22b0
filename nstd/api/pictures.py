"""`nstd.paint`: a picture, or the frames of a film, from memory into memory."""

from collections.abc import Generator, Iterable, Iterator, Sequence, Sized
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Any, cast, overload

import numpy as np
import torch

from nstd.api.kinds import Kind, Picture, pixels_of
from nstd.api.progress import OnProgress, Progress, stepped
from nstd.api.recipes import LOOK, SETTINGS, Style, configured, look_of, require_known
from nstd.api.running import torch_settings
from nstd.cache import TensorCache
from nstd.config import Config
from nstd.errors import UsageError
from nstd.flow import Estimator
from nstd.media.frame import Frame, ImageU8, ImageU16, Pixels
from nstd.painting.frames import coming_frames
from nstd.painting.painter import Told, build_estimator, build_painter
from nstd.painting.pictures import at_depth
from nstd.painting.plan import ExecutionPlan
from nstd.painting.segment import PaintedFrame, SegmentInputs, ShotPainter, paint_picture
from nstd.style.device import prepare
from nstd.style.devices import DeviceInfo, choose_devices
from nstd.style.optimize import Iterate, Painter
from nstd.style.recipe import StyleRecipe
from nstd.style.targets import MemoryStore
from nstd.submit.freeze import freezing_of, require_depth
from nstd.weights.catalog import choose_network
from nstd.work.crew import device_names, worker_threads

EIGHT_BITS = 8

FRAME_SECONDS = Fraction(1, 25)
"""Duration of a frame, since pictures in memory have none. Nothing depends on its value."""

OPTIONS = (*LOOK, *SETTINGS)


@overload
def paint(
    images: Picture,
    *,
    style: Style | Sequence[Style] | None = None,
    recipe: StyleRecipe | str | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Picture: ...


@overload
def paint(
    images: Iterable[Picture],
    *,
    style: Style | Sequence[Style] | None = None,
    recipe: StyleRecipe | str | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Generator[Picture, None, None]: ...


def paint(
    images: Any,
    *,
    style: Style | Sequence[Style] | None = None,
    recipe: StyleRecipe | str | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Any:
    """Paint a picture, or the frames of a film, that are in memory.

    A picture is one of these, sRGB-encoded, with red first and no transparency:

    - a NumPy array `[height, width, 3]` of uint8, of uint16, or of floating point from 0 to 1;
    - a tensor `[3, height, width]` of uint8, or of floating point from 0 to 1, on any device;
    - a PIL image without transparency.

    A film is an array or a tensor with one axis more in front, `[frames, …]`, or an iterable of
    pictures of one kind and size. Its frames are painted as those of a film in a file: at a cut the
    painting begins anew, and in between it follows the optical flow. Frames are read up to about
    twenty ahead of the one that is painted, and by another thread.

    Nothing is kept on the disk but the statistics of styles, in the cache folder.

    Args:
        images: The picture, or the film.
        style: As `nstd.recipe` has it.
        recipe: As `nstd.stylize` has it.
        on_progress: Called with a `Progress` after each step and frame. What it raises ends
            painting, and is raised here.
        **options: Keys of a recipe (`strength`, `size`…), `device`, `threads`, `config` and
            `cache_dir`.

    Returns:
        The painting: of the same type, dtype and device, of the size that the recipe says. Colors
        of floating point are those of 16 bits. Of an iterable, an iterator: each frame is painted
        when it is asked for.

    Raises:
        UsageError: An option, or a picture, is not as it is described here.
        ConfigError: An edge of the painting would be shorter than 32 pixels.
        NstdError: Anything else that `nstd.errors` lists.
    """
    require_known(options, OPTIONS)
    config = configured(options)
    look = look_of(config, style, recipe, {key: options.get(key) for key in LOOK})
    tell = on_progress or (lambda _: None)
    is_array = isinstance(images, np.ndarray | torch.Tensor)
    if (is_array and images.ndim == 4) or _is_iterable(images):
        studio = _Studio.of(config, look, tell)
        painted = _paint_film(studio, images, tell)
        return _stacked(list(painted), images) if is_array else painted
    pixels, kind = pixels_of(images)
    return kind.pack(_paint_alone(_Studio.of(config, look, tell), pixels, kind.bits, tell))


def _is_iterable(images: object) -> bool:
    """Whether these are pictures one after the other, not one."""
    one = str | bytes | np.ndarray | torch.Tensor
    return isinstance(images, Iterable) and not isinstance(images, one)


def _stacked(painted: list[Any], film: Any) -> Any:
    if not painted:
        raise UsageError("A film without a frame cannot be painted", "Give one frame or more")
    return np.stack(painted) if isinstance(film, np.ndarray) else torch.stack(painted)


@dataclass(frozen=True, slots=True, eq=False)
class _Studio:
    """A recipe on a device, and what finds the flow.

    Attributes:
        painter: The recipe on its device.
        plan: How it is computed.
        estimator: Finds the flow; None where each frame is painted by itself.
        device: The device to paint on.
    """

    painter: Painter
    plan: ExecutionPlan
    estimator: Estimator | None
    device: DeviceInfo

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Set PyTorch up for painting while the block runs."""
        with torch_settings(self.plan.device):
            prepare(self.device, self.plan.threads)
            yield

    @classmethod
    def of(cls, config: Config, recipe: StyleRecipe, tell: OnProgress) -> "_Studio":
        """The recipe, made ready on the device that `config` names."""
        (device,) = choose_devices(device_names(config)[:1])
        chosen = choose_network(
            recipe.network, config.cache_dir, gpu=freezing_of(config, recipe).gpu
        )
        require_depth(recipe, chosen)
        recipe = replace(recipe, network=str(chosen.path), network_name=chosen.name)
        threads = worker_threads(config)
        plan = ExecutionPlan(
            device=device.name.partition(":")[0], processor=device.processor, threads=threads
        )
        tell(Progress(doing="loading the network"))

        def doing(what: str) -> None:
            tell(Progress(doing=what))

        store = MemoryStore(Told(TensorCache(config.cache_dir / "targets"), doing))
        with torch_settings(plan.device):
            on = prepare(device, threads)
            painter = build_painter(recipe, plan, on, store)
            estimator = build_estimator(recipe, plan, on, config.cache_dir)
        return cls(painter, plan, estimator, device)


def _paint_alone(studio: _Studio, pixels: Pixels, bits: int, tell: OnProgress) -> Pixels:
    """Paint one picture by itself."""

    def step(iterate: Iterate) -> None:
        tell(stepped(0, 1, 0, iterate))

    with studio.at_work():
        painted = paint_picture(studio.painter, pixels, step, bits=bits)
    tell(Progress(painted=1, total=1))
    return painted


def _paint_film(
    studio: _Studio, images: Iterable[Any], tell: OnProgress
) -> Generator[Any, None, None]:
    """The frames of a film, each painted when it is asked for."""
    pictures = iter(images)
    try:
        first = next(pictures)
    except StopIteration:
        return
    pixels, kind = pixels_of(first)
    total = len(images) if isinstance(images, Sized) else None
    watcher = _Sink(total, tell)
    source = _Frames(chain([first], pictures), pixels.shape, kind)
    inputs = SegmentInputs(painter=studio.painter, frames=())
    painting = ShotPainter(inputs, watcher, kind.bits)
    coming = coming_frames(source, 0, studio.painter, studio.estimator, studio.plan)
    with closing(coming):
        while True:
            with studio.at_work():
                one = next(coming, None)
                if one is None:
                    return
                painting.take(one)
            yield kind.pack(watcher.latest.pixels)


class _Frames:
    """Turns pictures into the frames of a film; see `Source`.

    Args:
        pictures: The pictures, in order.
        shape: Shape of the pixels of each.
        kind: Kind of each.
    """

    first = 0

    def __init__(self, pictures: Iterator[Any], shape: tuple[int, ...], kind: Kind) -> None:
        self._pictures, self._shape, self._kind = pictures, shape, kind

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self._shape[1], self._shape[0]

    def frames(self, first: int) -> Iterator[Frame]:
        """All frames, once; `first` is 0."""
        for index, picture in enumerate(self._pictures, first):
            pixels, kind = pixels_of(picture)
            if kind != self._kind or pixels.shape != self._shape:
                raise UsageError(
                    f"Frame {index} is not of the kind and size of the frames before it",
                    "Give frames of one type, dtype, device and shape",
                )
            deep = cast("ImageU16", pixels) if kind.bits != EIGHT_BITS else None
            image = cast("ImageU8", at_depth(pixels, EIGHT_BITS))
            yield Frame(image, index, index, 1, FRAME_SECONDS, deep=deep)


class _Sink:
    """The observer of a film: reports progress, and holds the latest painted frame."""

    latest: PaintedFrame

    def __init__(self, total: int | None, tell: OnProgress) -> None:
        self._total, self._tell = total, tell

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """A step was taken."""
        self._tell(stepped(frame, self._total, frame, iterate))

    def painted(self, frame: PaintedFrame) -> None:
        """A frame is painted."""
        self.latest = frame
        self._tell(Progress(painted=frame.index + 1, total=self._total))

    def passed(self, frame: int) -> None:
        """Report nothing: no frame was painted in an earlier call."""
