"""Numbered images as a film: its facts and its frames, each decoded like a still picture."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from nstd.errors import UnsupportedError
from nstd.media.alpha import visible
from nstd.media.frame import Frame, VideoInfo
from nstd.media.numbered import Numbered
from nstd.media.pictures import look_at_still, read_still
from nstd.media.read.limits import Limits

USUAL_RATE = Fraction(25)
"""Frames per second, unless another rate is given."""


def probe_images(
    images: Numbered,
    rate: Fraction | None,
    limits: Limits,
    *,
    stopping: Callable[[], bool] = lambda: False,
    alive: Callable[[], object] = lambda: None,
) -> VideoInfo:
    """The facts of a film of numbered images; the header of each is read.

    Args:
        images: The images.
        rate: Frames per second; None for the usual rate, which a remark tells.
        limits: What the film may have at most.
        stopping: Asked several times a second; true ends the reading at once.
        alive: Called several times a second, as a sign of life.

    Raises:
        UnsupportedError: They are not all of one size, or beyond a limit.
        InputError: One of them cannot be read; see `pictures.read_still`.
        StorageError: The file system failed.
        Interrupted: `stopping` was true.
    """
    limits.require_frames(images.pattern, len(images.paths))
    looks = [look_at_still(one, limits, stopping=stopping, alive=alive) for one in images.paths]
    for path, look in zip(images.paths, looks, strict=True):
        if look.size != looks[0].size:
            raise _of_another_size(images, path.name, look.size, looks[0].size)
    (width, height), remarks = looks[0].size, images.remarks
    if rate is None:
        rate = USUAL_RATE
        remarks += (f"states no rate: {rate} frames per second are taken, as --rate does not say",)
    info = VideoInfo(
        stream=0,
        width=width,
        height=height,
        frame_rate=rate,
        time_base=1 / rate,
        start=0,
        duration=len(looks),
        frames=len(looks),
        bit_depth=16 if any(look.deep for look in looks) else 8,
        pixel_format="rgb48le" if any(look.deep for look in looks) else "rgb24",
        alpha=any(look.alpha for look in looks),
        reader="pillow",
        reader_reason="they are images, each decoded by itself",
        container="image2",
        remarks=remarks,
    )
    limits.require(images.pattern, info)
    return info


def read_images(
    images: Numbered, info: VideoInfo, limits: Limits, first: int = 0, last: int | None = None
) -> Iterator[Frame]:
    """Decode frames `first` to `last`, both included, of a film of numbered images.

    Args:
        images: The images.
        info: Their facts, as `probe_images` found them.
        limits: What each image may have at most.
        first: Index of the first frame to yield.
        last: Index of the last one, or None for the film's end.

    Raises:
        UnsupportedError: An image has another size by now.
        InputError: It cannot be read any more.
        StorageError: The file system failed.
    """
    for index, path in enumerate(images.paths[: None if last is None else last + 1]):
        if index < first:
            continue
        still = read_still(path, limits)
        height, width, _ = still.image.shape
        if (width, height) != (info.width, info.height):
            raise _of_another_size(images, path.name, (width, height), (info.width, info.height))
        alpha = still.alpha
        if info.alpha and alpha is None:
            alpha = np.full((height, width), 255, np.uint8)
        yield Frame(
            image=visible(still.image, alpha),
            index=index,
            pts=index,
            duration=1,
            time_base=info.time_base,
            alpha=alpha,
            deep=None if still.deep is None else visible(still.deep, alpha),
        )


def _of_another_size(
    images: Numbered, name: str, size: tuple[int, int], usual: tuple[int, int]
) -> UnsupportedError:
    (width, height), (usual_width, usual_height) = size, usual
    return UnsupportedError(
        f"{name} has {width}×{height} pixels, and the first of {images.pattern} has "
        f"{usual_width}×{usual_height}",
        "A film has one size: scale that image, or leave it out by another pattern",
    )
