"""The photographs, and what they are turned into before the networks see them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nstd.errors import UsageError
from nstd.media.pictures import read_still

Picture = npt.NDArray[np.uint8]
"""`[height, width, 3]`, red first."""

Crop = npt.NDArray[np.float32]
"""`[height, width, 3]` in [0, 1], or near it on the way."""

Positions = npt.NDArray[np.floating]
"""`[height, width]`, in pixels."""

HELD_OUT_EVERY = 10
"""Every tenth photograph in the order of the names is never trained on."""


def load_photographs(folder: Path) -> tuple[list[Picture], list[Picture]]:
    """All pictures of a folder, as those to train on and those held out.

    Raises:
        UsageError: There are fewer than two.
    """
    pictures = load_pictures(folder)
    if len(pictures) < 2:
        raise UsageError(
            f"{folder} holds fewer than two photographs (.jpg, .jpeg or .png)",
            "Name a folder with some hundreds of them",
        )
    held_out = pictures[::HELD_OUT_EVERY]
    return [p for i, p in enumerate(pictures) if i % HELD_OUT_EVERY], held_out


def to_batch(pictures: Sequence[Crop]) -> Tensor:
    """`[batch, 3, height, width]` float32 of pictures `[height, width, 3]`."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def load_pictures(folder: Path) -> list[Picture]:
    """All pictures of a folder in the order of their names."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    return [np.ascontiguousarray(read_still(path).image[..., :3]) for path in paths]


class Augmenter:
    """Cuts and changes pictures as the optimizer may meet them. Pure in its generator.

    Args:
        photographs: What to cut from.
        paintings: Likewise, as styles and, now and then, in place of a photograph.
        size: Edge of the square crops, in pixels.
    """

    def __init__(
        self, photographs: Sequence[Picture], paintings: Sequence[Picture], size: int
    ) -> None:
        self._photographs = photographs
        self._paintings = paintings
        self._size = size

    def batch(self, count: int, generator: np.random.Generator) -> Tensor:
        """`count` crops: most of them photographs, many in other colors, some painted or noisy."""
        return to_batch([self._one(generator) for _ in range(count)])

    def plain(self, count: int, generator: np.random.Generator) -> Tensor:
        """`count` crops of photographs as they are."""
        crops = [self._crop(self._photographs, generator) for _ in range(count)]
        return to_batch(crops)

    def styles(self, count: int, generator: np.random.Generator) -> Tensor:
        """`count` crops to take a style from: of paintings, or of photographs made paint-like."""
        return to_batch([self._style(generator) for _ in range(count)])

    def _one(self, generator: np.random.Generator) -> Crop:
        painted = self._paintings and generator.random() < 0.1
        crop = self._crop(self._paintings if painted else self._photographs, generator)
        if generator.random() < 0.25:
            crop = paint_like(crop, generator)
        if generator.random() < 0.6:
            crop = recolor(crop, generator)
        if generator.random() < 0.25:
            crop = blend(crop, self._crop(self._photographs, generator), generator)
        if generator.random() < 0.3:
            crop = add_noise(crop, generator)
        return np.clip(crop, 0, 1).astype(np.float32)

    def _style(self, generator: np.random.Generator) -> Crop:
        if self._paintings and generator.random() < 0.5:
            crop = self._crop(self._paintings, generator)
        else:
            crop = paint_like(self._crop(self._photographs, generator), generator)
        if generator.random() < 0.7:
            crop = recolor(crop, generator)
        return np.clip(crop, 0, 1).astype(np.float32)

    def _crop(self, pictures: Sequence[Picture], generator: np.random.Generator) -> Crop:
        """A piece of a picture, turned, mirrored, enlarged or shrunk, in one warp."""
        picture = pictures[int(generator.integers(len(pictures)))]
        height, width = picture.shape[:2]
        largest = min(height, width) / self._size
        # Scale: pixels of the picture for one of the crop. Never more than the picture has.
        scale = float(np.exp(generator.uniform(np.log(0.5), np.log(max(largest, 0.51)))))
        angle = generator.normal(0, 10) if generator.random() < 0.3 else 0.0
        reach = self._size * scale / 2
        x, y = (
            generator.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in (width, height)
        )
        if scale > 1:  # a low-pass first, or the warp would alias
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 * scale), np.uint8)
        matrix = np.asarray(cv2.getRotationMatrix2D((x, y), angle, 1 / scale), np.float64)
        matrix[:, 2] += self._size / 2 - np.array([x, y])
        if generator.random() < 0.5:
            matrix[0] *= -1
            matrix[0, 2] += self._size - 1
        crop = cv2.warpAffine(
            picture,
            matrix,
            (self._size, self._size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return crop.astype(np.float32) / np.float32(255)


def recolor(crop: Crop, generator: np.random.Generator) -> Crop:
    """Contrast, brightness and a mixing of the channels: stylized pictures have any colors."""
    strength = generator.choice([0.1, 0.3, 0.8])
    mixing = np.eye(3) + strength * generator.normal(0, 0.4, (3, 3))
    mean = crop.mean(axis=(0, 1))
    contrast = np.exp(generator.normal(0, 0.5 * strength))
    shifted = mean + generator.normal(0, 0.3 * strength, 3)
    return np.asarray((crop - mean) @ mixing.T * contrast + shifted, np.float32)


def paint_like(crop: Crop, generator: np.random.Generator) -> Crop:
    """Flat patches with hard edges, or strokes along the picture's own directions."""
    if generator.random() < 0.5:
        return mosaic(crop, generator)
    return strokes(crop, generator)


def mosaic(crop: Crop, generator: np.random.Generator) -> Crop:
    """Each pixel takes the color of a pixel nearby, the same one for a whole patch."""
    size = crop.shape[0]
    cell = generator.uniform(3, 12)
    jitter = cv2.resize(
        generator.normal(0, 0.5, (size // 4, size // 4, 2)).astype(np.float32), (size, size)
    )
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    rows = (np.floor(rows / cell + jitter[..., 0]) + 0.5) * cell
    columns = (np.floor(columns / cell + jitter[..., 1]) + 0.5) * cell
    return _remap(crop, columns, rows, cv2.INTER_NEAREST)


def strokes(crop: Crop, generator: np.random.Generator) -> Crop:
    """The crop smeared along its contours: noise is added, then averaged along each direction."""
    gray = _blur(crop.mean(axis=2), generator.uniform(1.5, 4))
    dx, dy = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    swirl = _blur(generator.normal(0, 1, crop.shape[:2]).astype(np.float32), crop.shape[0] / 8)
    angle = np.arctan2(dx, -dy) + 20 * swirl * generator.uniform(0, 1)
    noise = generator.normal(0, generator.uniform(0.1, 0.4), crop.shape).astype(np.float32)
    noise = _blur(noise, 0.8) * np.float32(2)
    rows, columns = np.mgrid[: crop.shape[0], : crop.shape[1]].astype(np.float32)
    smeared, length = np.zeros_like(crop), int(generator.integers(4, 12))
    for step in np.linspace(-length, length, 9):
        along = columns + step * np.cos(angle), rows + step * np.sin(angle)
        smeared += _remap(crop + noise, *along, cv2.INTER_LINEAR)
    return smeared / np.float32(9)


def blend(crop: Crop, other: Crop, generator: np.random.Generator) -> Crop:
    """The one with the other's detail laid over it, as a half-stylized picture has both."""
    detail = other - _blur(other, generator.uniform(2, 8))
    return (crop + generator.uniform(0.3, 1.2) * detail).astype(np.float32)


def add_noise(crop: Crop, generator: np.random.Generator) -> Crop:
    """Noise of any strength to 0.2, fine or coarse, gray or colored."""
    channels = int(generator.choice([1, 3]))
    noise = generator.normal(0, 1, (*crop.shape[:2], channels)).astype(np.float32)
    if generator.random() < 0.5:
        noise = _blur(noise, generator.uniform(0.5, 3)).reshape(noise.shape)
        noise /= noise.std() + 1e-6
    return crop + np.float32(0.2 * generator.random() ** 2) * noise


def _blur(values: Crop, deviation: float) -> Crop:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), deviation), np.float32)


def _remap(crop: Crop, columns: Positions, rows: Positions, interpolation: int) -> Crop:
    """The crop's values at the given positions."""
    moved = cv2.remap(
        crop,
        columns.astype(np.float32),
        rows.astype(np.float32),
        interpolation,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(moved, np.float32)
