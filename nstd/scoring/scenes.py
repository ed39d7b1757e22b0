"""Short films made of photographs, whose motion is known exactly.

A scene is a stack of layers: a photograph, the shape that is cut from it, and how it moves. Each
pixel is the mean of `OVERSAMPLED`² points, each looked up in a picture that is `OVERSAMPLED` times
as fine as the frame, where motion puts it: no step rounds a place to whole pixels, and none
displaces, as cubic interpolation with a = −0.75 does by up to 0.047 px. The motion of a layer
between two frames is affine, and the flow follows from it without any search.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

Field = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.uint8]
Vector = tuple[float, float]
"""Pixels to the right, and down."""

Shape = Callable[[Field, Field], Flags]
"""Which points of a layer are there, given theirs in pixels right of and below its middle."""

OVERSAMPLED = 4
"""Points of a pixel, each way; those of moves by quarters of a pixel are the fine picture's own."""

MARGIN_PX = 32
"""Of the photograph around what the middle frame shows; beyond it the photograph is mirrored."""

NOISE = 2.0
"""Of a camera: σ in code values."""

PANS: tuple[Vector, ...] = ((0.25, 0.25), (0.5, 0.5), (1, 0.5), (1.5, 0.5), (3, -1), (8, -3))
"""Pixels a frame. The slowest are diagonal: no motion at all is off by more than 0.3 px there."""

FADE_FRAMES = 24
"""From black to the whole picture: a second."""

FADE_STARTS = 6
"""Of these frames as many have passed in a scene's first one, which is not black."""


class Truth(NamedTuple):
    """What is true of a frame and the one before it.

    Attributes:
        backward: float32 `[2, height, width]`, on the later frame's grid, into the earlier one; in
            pixels, x then y.
        forward: The same on the earlier frame's grid, into the later one.
        visible: bool `[2, height, width]`: of the later frame's pixels, and of the earlier one's,
            those that show one layer, and the whole of which the other frame shows, too.
    """

    backward: npt.NDArray[np.float32]
    forward: npt.NDArray[np.float32]
    visible: Flags


@dataclass(frozen=True)
class Motion:
    """Of a layer, in each frame.

    Attributes:
        shift: Pixels it moves.
        zoom: Factor by which it grows, about the frame's middle.
        turn: Degrees it turns clockwise, about the frame's middle.
    """

    shift: Vector = (0.0, 0.0)
    zoom: float = 1.0
    turn: float = 0.0

    def to_layer(self, time: float) -> Field:
        """Float64 `[3, 3]`: takes points of the frame to those of the layer, `time` frames on."""
        size, angle = self.zoom**time, math.radians(self.turn * time)
        cosine, sine = size * math.cos(angle), size * math.sin(angle)
        x, y = (by * time for by in self.shift)
        return np.linalg.inv(np.array([[cosine, -sine, x], [sine, cosine, y], [0, 0, 1.0]]))


@dataclass(frozen=True, eq=False)
class Layer:
    """A photograph that moves, or what is cut from it.

    Attributes:
        picture: float32 `[1, 3, height, width]` in code values, `OVERSAMPLED` times as fine as the
            frame; its middle is the layer's.
        motion: How it moves.
        shape: What is cut from it; None for all of it.
    """

    picture: torch.Tensor
    motion: Motion = field(default_factory=Motion)
    shape: Shape | None = None

    def covers(self, points: Field) -> Flags:
        """Which points of the layer `[2, ...]` are there."""
        if self.shape is None:
            return np.ones(points.shape[1:], bool)
        return self.shape(*points)

    def colors(self, points: Field) -> npt.NDArray[np.float32]:
        """Of points of the layer `[2, rows, columns]`: `[rows, columns, 3]` in code values."""
        edges = np.array(self.picture.shape[:1:-1], np.float64)[:, None, None]
        # -1 and 1 are the middles of the outermost points.
        places = (2 * OVERSAMPLED * points / (edges - 1)).astype(np.float32)
        found = torch.nn.functional.grid_sample(
            self.picture,
            torch.from_numpy(np.moveaxis(places, 0, -1).copy())[None],
            padding_mode="reflection",
            align_corners=True,
        )
        colors: npt.NDArray[np.float32] = found[0].permute(1, 2, 0).numpy()
        return colors


@dataclass(frozen=True, eq=False)
class Scene:
    """A film whose motion is known exactly; the same arguments always give the same frames.

    Attributes:
        name: For tables.
        layers: The first one is behind all others, and has no shape.
        size: Width and height of the frames.
        frames: How many.
        one_motion: Whether one motion explains all of it.
        noise: σ in code values.
        light: Of frame and point, the factor by which it is lit; None for 1.
        cut: Number of the frame from which on it shows `after` instead of `layers`; None for none.
        after: Likewise.
        seed: Of the noise.
    """

    name: str
    layers: tuple[Layer, ...]
    size: tuple[int, int]
    frames: int
    one_motion: bool = True
    noise: float = 0.0
    light: Callable[[int, Field], Field] | None = None
    cut: int | None = None
    after: tuple[Layer, ...] = ()
    seed: int = 0

    def frame(self, number: int) -> Picture:
        """The frame of a number, from 0: uint8 `[height, width, 3]`."""
        layers = self._layers(number)
        shown = self._shown(number, self._points)
        colors = np.zeros((*shown.shape, 3), np.float32)
        for index, layer in enumerate(layers):
            here = shown == index
            if here.any():
                found = layer.colors(_moved(self._to_layer(number, layer), self._points))
                colors = np.where(here[..., None], found, colors)
        width, height = self.size
        fine = colors.reshape(height, OVERSAMPLED, width, OVERSAMPLED, 3)
        picture: Field = fine.mean(axis=(1, 3), dtype=np.float64)
        if self.light is not None:
            picture = picture * self.light(number, self._middles)[..., None]
        if self.noise:
            random = np.random.default_rng((self.seed, number))
            picture = picture + random.normal(0, self.noise, picture.shape)
        codes: Picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        return codes

    def flow(self, number: int) -> Truth:
        """What is true of a frame and the one before it; `number` is at least 1."""
        backward, seen = self._way(number, number - 1)
        forward, kept = self._way(number - 1, number)
        return Truth(backward, forward, np.stack([seen, kept]))

    def revealed(self, number: int) -> Flags:
        """Where a frame shows what the one before it did not: bool `[height, width]`.

        A pixel counts if nothing of it was visible: hidden by another layer, outside the frame, or
        before a cut.
        """
        return self._whole(~self._seen(number, number - 1))

    @cached_property
    def _middles(self) -> Field:
        """Of the pixels, `[2, height, width]`, in pixels from the frame's middle."""
        return _grid(self.size, 1)

    @cached_property
    def _points(self) -> Field:
        """`[2, OVERSAMPLED · height, OVERSAMPLED · width]`, likewise."""
        return _grid(self.size, OVERSAMPLED)

    def _layers(self, number: int) -> tuple[Layer, ...]:
        return self.after if self.cut is not None and number >= self.cut else self.layers

    def _to_layer(self, number: int, layer: Layer) -> Field:
        # The middle frame shows each layer where it was put.
        return layer.motion.to_layer(number - self.frames // 2)

    def _shown(self, number: int, points: Field) -> npt.NDArray[np.int64]:
        """Index of the layer that a frame shows at points `[2, ...]`."""
        shown = np.zeros(points.shape[1:], np.int64)
        for index, layer in enumerate(self._layers(number)[1:], 1):
            shown[layer.covers(_moved(self._to_layer(number, layer), points))] = index
        return shown

    def _between(self, here: int, there: int, layer: Layer) -> Field:
        """Float64 `[3, 3]`: takes a layer's points of one frame to those of another."""
        back = np.linalg.inv(self._to_layer(there, layer))
        between: Field = np.matmul(back, self._to_layer(here, layer), dtype=np.float64)
        return between

    def _seen(self, here: int, there: int) -> Flags:
        """Which of the points that frame `here` shows frame `there` shows, too."""
        shown = self._shown(here, self._points)
        seen = np.zeros(shown.shape, bool)
        if self._layers(here) is not self._layers(there):
            return seen
        halves = np.array(self.size)[:, None, None] / 2
        for index, layer in enumerate(self._layers(here)):
            moved = _moved(self._between(here, there, layer), self._points)
            inside = (np.abs(moved) <= halves).all(axis=0)
            seen[(shown == index) & inside & (self._shown(there, moved) == index)] = True
        return seen

    def _way(self, here: int, there: int) -> tuple[npt.NDArray[np.float32], Flags]:
        """Flow on the grid of frame `here` into `there`, and where both show all of a pixel."""
        flow = np.zeros((2, *self.size[::-1]))
        if self._layers(here) is self._layers(there):
            shown = self._shown(here, self._middles)
            for index, layer in enumerate(self._layers(here)):
                moved = _moved(self._between(here, there, layer), self._middles)
                flow = np.where(shown == index, moved - self._middles, flow)
        points = self._shown(here, self._points)
        both = self._whole(self._seen(here, there))
        for index in range(len(self._layers(here))):
            both &= self._whole(points == index) | self._whole(points != index)
        return flow.astype(np.float32), both

    def _whole(self, points: Flags) -> Flags:
        """Pixels all points of which are set."""
        width, height = self.size
        fine = points.reshape(height, OVERSAMPLED, width, OVERSAMPLED)
        return np.asarray(fine.all(axis=(1, 3)))


def scenes(
    photographs: Sequence[Picture],
    size: tuple[int, int] = (256, 144),
    frames: int = 8,
    seed: int = 0,
) -> list[Scene]:
    """The suite of known motion.

    Pans with and without noise, a still with noise, disks and three layers at other speeds,
    parallax, a zoom, a rotation, a fade in and out, a light that moves, a cut.

    Args:
        photographs: uint8 `[height, width, 3]` each, one or more. The first is the ground; what is
            before it comes from the last one, upside down.
        size: Width and height of the frames.
        frames: How many each scene has, at least 2.
        seed: Of the noise.
    """
    first, last = (_fine(photographs[index], size) for index in (0, -1))
    before = last.flip(2)

    def scene(name: str, *layers: Layer, **more: object) -> Scene:
        one = len({layer.motion for layer in layers}) == 1 and "cut" not in more
        return Scene(name, layers, size, frames, one_motion=one, seed=seed, **more)  # type: ignore[arg-type]

    def ground(x: float, y: float) -> Layer:
        return Layer(first, Motion((x, y)))

    lamp = _lamp(frames, size[1])
    after = Layer(before, Motion((1.5, -0.5)))
    return [
        *(
            scene(
                f"pan {x:g}, {y:g} px{f', noise {noise:g}' if noise else ''}",
                ground(x, y),
                noise=noise,
            )
            for noise in (0.0, NOISE)
            for x, y in PANS
        ),
        scene("still, noise 2", ground(0, 0), noise=NOISE),
        *(
            scene(name, *layers, noise=NOISE if "noise" in name else 0.0)
            for name, layers in _layered(first, before, size).items()
        ),
        scene("zoom 1 %", Layer(first, Motion(zoom=1.01))),
        scene("rotation 1°", Layer(first, Motion(turn=1))),
        scene("fade in, pan 0.5, 0.5 px", ground(0.5, 0.5), light=_fade_in),
        scene("fade out, pan 0.5, 0.5 px", ground(0.5, 0.5), light=_fade_out),
        scene("light that moves, noise 2", ground(0, 0), noise=NOISE, light=lamp),
        scene("cut", ground(0.5, 0.5), cut=frames // 2, after=(after,)),
    ]


def _layered(
    first: torch.Tensor, before: torch.Tensor, size: tuple[int, int]
) -> dict[str, tuple[Layer, ...]]:
    """What moves before what moves otherwise, by name."""
    width, height = size
    nearest = first.flip(2, 3)
    disk = _disk((0, 0), height / 4)

    def layer(picture: torch.Tensor, x: float, y: float, shape: Shape | None = None) -> Layer:
        return Layer(picture, Motion((x, y)), shape)

    return {
        "disk before still, noise 2": (layer(first, 0, 0), layer(before, 3, -0.5, disk)),
        "disk before pan, noise 2": (layer(first, -1.5, -0.5), layer(before, 2, 0.5, disk)),
        "three layers": (
            layer(first, 0.5, 0.25),
            layer(before, -2, 1, _disk((-width / 4, 0), height / 4)),
            layer(nearest, 4, -1, _disk((width / 4, 0), height / 5)),
        ),
        "parallax": (
            layer(first, 0.5, 0),
            layer(before, 1.5, 0, _hills(size)),
            layer(nearest, 4, 0, _posts(size)),
        ),
    }


def _grid(size: tuple[int, int], fine: int) -> Field:
    """Points `[2, fine · height, fine · width]`, in pixels from the frame's middle, x then y."""
    x, y = ((np.arange(edge * fine) + 0.5) / fine - edge / 2 for edge in size)
    return np.stack(np.meshgrid(x, y))


def _moved(matrix: Field, points: Field) -> Field:
    """An affine map of points `[2, ...]`."""
    moved: Field = np.tensordot(matrix[:2, :2], points, 1) + matrix[:2, 2, None, None]
    return moved


def _fine(photograph: Picture, size: tuple[int, int]) -> torch.Tensor:
    """The middle of a photograph, as fine as layers need it: `[1, 3, height, width]`."""
    need = [edge + 2 * MARGIN_PX for edge in size]
    picture = Image.fromarray(photograph)
    scale = min(edge / wanted for edge, wanted in zip(picture.size, need, strict=True))
    box = [edge * scale for edge in need]
    left, top = ((edge - own) / 2 for edge, own in zip(picture.size, box, strict=True))
    fine = picture.resize(
        (need[0] * OVERSAMPLED, need[1] * OVERSAMPLED),
        Image.Resampling.LANCZOS,
        (left, top, left + box[0], top + box[1]),
    )
    colors = np.asarray(fine, np.float32)
    return torch.from_numpy(colors).permute(2, 0, 1)[None].contiguous()


def _disk(middle: Vector, radius: float) -> Shape:
    return lambda x, y: np.hypot(x - middle[0], y - middle[1]) < radius


def _hills(size: tuple[int, int]) -> Shape:
    """What lies below a wave."""
    width, height = size
    return lambda x, y: y > height / 8 * np.sin(2 * math.pi * x / (width / 3))


def _posts(size: tuple[int, int]) -> Shape:
    """Upright posts, a sixth of the picture."""
    period = size[0] / 3
    return lambda x, _: np.mod(x, period) < period / 6


def _fade_in(number: int, points: Field) -> Field:
    return np.full(points.shape[1:], min(1.0, (number + FADE_STARTS) / FADE_FRAMES))


def _fade_out(number: int, points: Field) -> Field:
    return 1 - _fade_in(number, points)


def _lamp(frames: int, height: int) -> Callable[[int, Field], Field]:
    """A lamp that passes by: it lights a quarter of the height by half as much again."""

    def light(number: int, points: Field) -> Field:
        time = number - frames // 2
        away = np.hypot(points[0] - 6 * time, points[1] - 2 * time)
        lit: Field = 0.75 + 0.5 * np.exp(-((away / (height / 4)) ** 2))
        return lit

    return light
