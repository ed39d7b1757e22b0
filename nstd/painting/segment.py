"""One segment of a film: frames in, painted frames out, and what is carried to the next one.

A segment is a pure function of (source, first frame, frozen recipe, execution plan, carried state).
Nothing here knows a ledger or a folder: the caller keeps each painted frame that it is given, and
passes in again what was painted before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Protocol, cast

import numpy as np

from nstd.errors import DamagedError, UnreadableError
from nstd.ledger.job import Carried, Shot
from nstd.media.frame import Frame, ImageU8, ImageU16, MaskU8, Pixels
from nstd.painting.frames import Coming, FilmSource
from nstd.painting.pictures import at_depth, scaled, to_pixels, to_tensor
from nstd.painting.plan import ExecutionPlan
from nstd.style.canvas import resize
from nstd.style.device import device_errors
from nstd.style.optimize import Iterate, Painter, stylize_frame
from nstd.style.recipe import StyleRecipe
from nstd.temporal.palette import Palette, palette_of
from nstd.temporal.shot import Predecessor, losses_of, settled_loss, stylize_next


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSpec:
    """All that a segment's bytes depend on, except what is carried. It can be pickled.

    Attributes:
        source: The film.
        recipe: The look, frozen.
        plan: How it is computed.
        first: Number of the segment's first frame.
        last: Number of its last frame; None: it ends where the given frames end.
        bits: Bits of each color of the painted frames, 8 or 16.
    """

    source: FilmSource
    recipe: StyleRecipe
    plan: ExecutionPlan
    first: int
    last: int | None = None
    bits: int = 8


@dataclass(frozen=True, slots=True)
class FrameTime:
    """When a frame is shown.

    Attributes:
        index: Number of the frame in the film.
        pts: Time stamp, in units of the film's time base.
        duration: How long it is shown, in the same units; 0 where that is not known.
    """

    index: int
    pts: int
    duration: int


@dataclass(frozen=True, slots=True, eq=False)
class PaintedFrame:
    """A painted frame, as it is written.

    Attributes:
        index: Number of the frame in the film.
        pixels: uint8 or uint16 `[height, width, 3]`, sRGB, at the painted size.
        alpha: The source's, uint8 `[height, width]`, at the painted size; None where it has none.
    """

    index: int
    pixels: Pixels
    alpha: MaskU8 | None = None

    def shown_at(self, time: FrameTime, time_base: Fraction) -> Frame:
        """The frame with the time that it is shown at.

        Args:
            time: When the frame is shown.
            time_base: Seconds per unit of its time stamp.
        """
        deep = None if self.pixels.dtype == np.uint8 else cast("ImageU16", self.pixels)
        return Frame(
            image=cast("ImageU8", at_depth(self.pixels, 8)),
            index=time.index,
            pts=time.pts,
            duration=time.duration,
            time_base=time_base,
            alpha=self.alpha,
            deep=deep,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SegmentInputs:
    """What a segment is painted with and from.

    Attributes:
        painter: The recipe on its device.
        frames: The segment's frames, in their order; what comes after its last one is not taken.
        shot: The shot that its first frame belongs to; None if a shot begins with it.
        earlier: The last painted frames of that shot before the segment, by number, as far back as
            the recipe looks.
        kept: By number, frames of the segment that are painted already, and are not painted again.
            If the observer adds each painted frame, only one is held in memory.
    """

    painter: Painter
    frames: Iterable[Coming]
    shot: Shot | None = None
    earlier: Mapping[int, PaintedFrame] = field(default_factory=dict)
    kept: Mapping[int, PaintedFrame] = field(default_factory=dict)


class SegmentObserver(Protocol):
    """Is told how painting a segment goes; any error that it raises ends the painting."""

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """A step was taken on `frame`."""
        ...

    def painted(self, frame: PaintedFrame) -> None:
        """`frame` is painted; it must be kept, since the result does not have it."""
        ...

    def passed(self, frame: int) -> None:
        """`frame` is done: painted just now, or kept from before."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SegmentResult:
    """What comes of painting a segment, besides its frames.

    Attributes:
        times: When each of its frames is shown, in their order.
        shot: The shot that its last frame belongs to.
        carried: What the ledger notes of it.
        last_frames: What the next segment of the shot is painted from (its `earlier`).
    """

    times: tuple[FrameTime, ...]
    shot: Shot
    carried: Carried
    last_frames: tuple[PaintedFrame, ...]


def paint_segment(
    spec: SegmentSpec, inputs: SegmentInputs, observer: SegmentObserver
) -> SegmentResult:
    """Paint the frames of one segment.

    Args:
        spec: The segment.
        inputs: What it is painted with and from.
        observer: Gets each frame as soon as it is painted.

    Raises:
        UnreadableError: There is no frame.
        DamagedError: A frame that is looked back on is not among the inputs.
        DeviceError: The device failed, or its memory is too small.
        NstdError: Whatever reading the frames, or the observer, raises.
    """
    painting = ShotPainter(inputs, observer, spec.bits)
    times: list[FrameTime] = []
    damaged = 0
    for coming in inputs.frames:
        frame, shot = coming.frame, painting.take(coming)
        times.append(FrameTime(frame.index, frame.pts, frame.duration))
        damaged += frame.damaged
        observer.passed(frame.index)
        if frame.index == spec.last:
            break
    if not times:
        raise UnreadableError(f"No frame of {spec.source.path} from {spec.first} on can be decoded")
    left = painting.last_frames(times[-1].index)
    carried = Carried(
        shot=shot.first,
        frames=tuple(one.index for one in left),
        first_pts=times[0].pts,
        end_pts=times[-1].pts + times[-1].duration,
        damaged=damaged,
    )
    return SegmentResult(tuple(times), shot, carried, left)


class ShotPainter:
    """Paints frames one after the other, each from those of its shot before it.

    Args:
        inputs: What they are painted with and from; its `frames` are not used.
        observer: Gets each frame as soon as it is painted.
        bits: Of a color of painted frames.
    """

    def __init__(self, inputs: SegmentInputs, observer: SegmentObserver, bits: int) -> None:
        self._painter = inputs.painter
        self._observer = observer
        self._bits = bits
        self._shot = inputs.shot
        self._kept = inputs.kept
        self._new: dict[int, PaintedFrame] = {}
        self._known = (self._new, inputs.kept, inputs.earlier)
        self._reach = inputs.painter.recipe.temporal.reach

    def take(self, coming: Coming) -> Shot:
        """Paint the next frame, unless it is painted already; gives its shot."""
        frame = coming.frame
        shot = self._shot
        if shot is None or coming.begins_shot:
            shot = Shot(frame.index, self._energies(frame))
        if frame.index not in self._kept:
            painted = self._paint(coming, shot)
            self._observer.painted(painted)
            self._new[frame.index] = painted
            # Earlier frames that the caller keeps are read from there when they are needed.
            held = min(1, self._reach) if frame.index in self._kept else self._reach
            for number in [one for one in self._new if one <= frame.index - held]:
                del self._new[number]
        self._shot = self._judged(frame, shot)
        return self._shot

    def last_frames(self, last: int) -> tuple[PaintedFrame, ...]:
        """What frames after `last` of its shot are painted from."""
        assert self._shot is not None  # noqa: S101 - for the type checker
        numbers = range(max(self._shot.first, last - self._reach + 1), last + 1)
        return tuple(self._painted(number) for number in numbers) if self._reach else ()

    def _paint(self, coming: Coming, shot: Shot) -> PaintedFrame:
        frame, stepped = coming.frame, partial(self._observer.stepped, coming.frame.index)
        if coming.flows:
            picture, before = to_tensor(frame.pixels), self._predecessors(coming)
            palette, settled = known_palette(shot), shot.settled or 0.0
            iterates = stylize_next(self._painter, picture, before, shot.energies, settled, palette)
            pixels = to_pixels(_last_of(iterates, self._painter, stepped).image, self._bits)
        else:
            pixels = paint_picture(
                self._painter, frame.pixels, stepped, energies=shot.energies, bits=self._bits
            )
        height, width, _ = pixels.shape
        alpha = None if frame.alpha is None else scaled(frame.alpha, (width, height))
        return PaintedFrame(frame.index, pixels, alpha)

    def _predecessors(self, coming: Coming) -> list[Predecessor]:
        """What a frame is painted from, the closest first."""
        source = to_tensor(coming.pictures[0])
        return [
            Predecessor(
                to_tensor(self._painted(coming.frame.index - distance).pixels),
                *coming.flows[distance],
                sources=(to_tensor(coming.pictures[distance]), source),
                same=coming.same and distance == 1,
            )
            for distance in sorted(coming.flows)
        ]

    def _painted(self, index: int) -> PaintedFrame:
        for known in self._known:
            if index in known:
                return known[index]
        raise DamagedError(f"The painted frame {index} is gone")

    def _energies(self, frame: Frame) -> tuple[float, ...]:
        if not self._painter.styles:
            return ()
        with device_errors(str(self._painter.network.device)):
            return self._painter.content_energies(to_tensor(frame.pixels))

    def _judged(self, frame: Frame, shot: Shot) -> Shot:
        """The shot, with the loss that its first painted frame has reached, and its palette.

        Both are measured on the frame as it was written, so that a film that is continued here
        finds the same values.
        """
        if not self._reach or shot.settled is not None:
            return shot
        painted, source = to_tensor(self._painted(shot.first).pixels), to_tensor(frame.pixels)
        with device_errors(str(self._painter.network.device)):
            found = losses_of(self._painter, source, painted, shot.energies)
            height, width = painted.shape[2:]
            palette = asdict(palette_of(painted, resize(source, width, height)))
        return replace(shot, settled=settled_loss(self._painter, found), palette=palette)


def paint_picture(
    painter: Painter,
    image: Pixels,
    stepped: Callable[[Iterate], object],
    *,
    energies: Sequence[float] | None = None,
    bits: int = 8,
) -> Pixels:
    """Paint a picture from its own content alone; without a style it is only scaled.

    Args:
        painter: The recipe on its device.
        image: uint8 or uint16 `[height, width, 3]`, sRGB.
        stepped: Told of each step; what it raises ends the painting.
        energies: `Painter.content_energies` of its shot; None: the picture's own.
        bits: Bits of each color of the result, 8 or 16.

    Raises:
        ConfigError: It is too small for the network.
        DeviceError: The device failed, or its memory is too small.
    """
    if not painter.styles:
        height, width, _ = image.shape
        return at_depth(scaled(image, painter.painted_size(width, height)), bits)
    iterates = stylize_frame(painter, to_tensor(image), energies)
    return to_pixels(_last_of(iterates, painter, stepped).image, bits)


def _last_of(
    iterates: Iterator[Iterate], painter: Painter, stepped: Callable[[Iterate], object]
) -> Iterate:
    last: Iterate | None = None
    with device_errors(str(painter.network.device)):
        for last in iterates:
            stepped(last)
    assert last is not None  # noqa: S101 - for the type checker: there is always a last one
    return last


def known_palette(shot: Shot) -> Palette | None:
    """The colors that later frames of a shot keep to, from its plain numbers.

    Raises:
        AttributeError, KeyError, TypeError: Another version has noted others.
    """
    return None if shot.settled is None else Palette.of(shot.palette or {})
