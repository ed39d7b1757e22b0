"""Flicker, by a judge that shares no code with what it judges: OpenCV's flows as found, and NumPy.

Of a pair of frames the judge finds the source's motion, warps the earlier frame of each film along
it, and takes the mean squared difference from the later frame. A flow that is off by δ costs
|∇I|² δ² even where a film moves exactly as its source does, and paint has more texture than its
source. So the error is divided by the gradient energy of the same pixels (*texture-normalized*),
and only those count where two flows agree and the source has texture that fixes the motion.
Paintings that are moved exactly as photographs then get 0.03 to 0.55; only where these move by
whole pixels without any noise, so that their own error is that of rounding, up to 2.8. Without the
two conditions it is up to 40 (`bench/judge.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan

import cv2
import numpy as np
import numpy.typing as npt

from nstd.media.frame import ImageU8

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Pictures = tuple[ImageU8, ImageU8]
"""An earlier and a later frame, uint8 `[height, width, 3]`."""

FLOOR = 2.6e-6
"""Mean squared error, of colors in [0, 1], below which nothing counts as flicker: both frames are
rounded to 8 bits, each with an error of 1/12 of a squared code value."""

GAIN = 16
"""Factor of the gray values that Farnebäck's algorithm gets. OpenCV adds a constant to the
determinant that it divides by, which pulls the flow of soft pictures to zero: of a pan by 1 px it
found 0.6 px over smooth texture; with this gain it is exact to 0.001 px."""

AGREE_PX = 0.25
"""By how many pixels the two flows may differ where a pixel counts."""

TEXTURE = 4.0
"""What the smaller eigenvalue of the structure tensor, in squared code values a squared pixel, must
exceed: where it is small, a flow along some direction is a guess. Noise of σ code values makes
3/16 σ², so that noise alone counts as texture from σ 4.6 on."""

NEARBY_SIGMA = 5.0
"""Pixels; of the Gaussian over which the structure tensor is averaged."""

REACH = 4
"""Half the width of Lanczos' kernel in pixels. Softer ones blur: bilinear warping gave sharp paint
that moves exactly by half pixels an error 1.5 times as large as its source's."""

_POINTS = 32768
"""How many points are looked up at once. Two pictures of 1280 × 720 take 1.5 s in such pieces,
which stay in a core's cache; as a whole they take 2.2 s, and more memory."""

_SHORTEST_PX = 64
"""Smaller pictures are padded for DIS: under 32 px OpenCV 4.14 reads beyond its buffers."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the counted pixels of any number of pairs.

    Attributes:
        pixels: How many.
        errors: Squared differences of the later frame from the warped earlier one, of colors in
            [0, 1], each pixel's averaged over its three colors.
        gradients: Squared forward differences in x and y, added up, averaged likewise.
    """

    pixels: int = 0
    errors: float = 0.0
    gradients: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        """Over the pixels of both."""
        return Sums(
            self.pixels + other.pixels,
            self.errors + other.errors,
            self.gradients + other.gradients,
        )

    @property
    def error(self) -> float:
        """Mean squared error, E_warp; NaN over no pixels."""
        return self.errors / self.pixels if self.pixels else nan

    @property
    def gradient(self) -> float:
        """Gradient energy: mean squared forward differences; NaN over no pixels."""
        return self.gradients / self.pixels if self.pixels else nan

    @property
    def normalized(self) -> float:
        """The error by the gradient energy: how far, in squared pixels, texture seems displaced."""
        return max(self.error, FLOOR) / self.gradient if self.gradients else nan


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one film and its source, over any number of pairs; add to join them.

    Attributes:
        frame_pixels: All pixels of the later frames.
        source: The source's sums over the pixels that count.
        output: The film's.
        seen_source: The source's sums over all pixels that pass the forward-backward test, whether
            or not the flow is known well there.
        seen_output: The film's.
    """

    frame_pixels: int = 0
    source: Sums = field(default_factory=Sums)
    output: Sums = field(default_factory=Sums)
    seen_source: Sums = field(default_factory=Sums)
    seen_output: Sums = field(default_factory=Sums)

    def __add__(self, other: "Verdict") -> "Verdict":
        """Over the pairs of both."""
        return Verdict(
            self.frame_pixels + other.frame_pixels,
            self.source + other.source,
            self.output + other.output,
            self.seen_source + other.seen_source,
            self.seen_output + other.seen_output,
        )

    @property
    def ratio(self) -> float:
        """Texture-normalized: how many times as much the film flickers as its source; or NaN."""
        return self.output.normalized / self.source.normalized if self.source.gradients else nan

    @property
    def unconditioned_ratio(self) -> float:
        """The ratio also where the flows disagree or the source has no texture."""
        seen = self.seen_source
        return self.seen_output.normalized / seen.normalized if seen.gradients else nan

    @property
    def counted(self) -> float:
        """Share of the pixels that count, 0…1; NaN of no pairs."""
        return self.output.pixels / self.frame_pixels if self.frame_pixels else nan


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How a source moves from one frame to the next.

    Attributes:
        backward: float32 `[height, width, 2]`, from the later into the earlier frame, x then y.
        seen: Where the later frame shows what the earlier one showed, `[height, width]`.
        counted: Where it is also known well how that moved.
    """

    backward: Plane
    seen: Mask
    counted: Mask


def judge_pair(source: Pictures, outputs: Mapping[str, Pictures]) -> dict[str, Verdict]:
    """Compare a pair of frames of any number of films along their source's motion.

    Args:
        source: The source's earlier and later frame, of one shot.
        outputs: The same two frames of each film, by a name, at the source's size.

    Returns:
        A verdict for each name; add those of successive pairs.
    """
    motion = find_motion(*source)
    films = [source, *outputs.values()]
    found = sums_along(motion.backward, [motion.seen, motion.counted], films)
    seen, counted = found[0]
    return {
        name: Verdict(motion.seen.size, counted, own, seen, own_seen)
        for name, (own_seen, own) in zip(outputs, found[1:], strict=True)
    }


def find_motion(earlier: ImageU8, later: ImageU8) -> Motion:
    """The motion between two frames of a shot, and where it is known; none of identical frames."""
    if np.array_equal(earlier, later):
        # At the border the algorithm finds motion of up to 0.08 px even there.
        everywhere = np.ones(later.shape[:2], dtype=bool)
        still = np.zeros((*later.shape[:2], 2), dtype=np.float32)
        return Motion(still, everywhere, _texture(later) > TEXTURE)
    backward, forward = _farneback(later, earlier), _farneback(earlier, later)
    seen = leads_back(backward, forward)
    apart = np.square(backward - _dis(later, earlier)).sum(axis=2)
    counted = seen & (apart <= AGREE_PX**2) & (_texture(later) > TEXTURE)
    return Motion(backward, seen, counted)


def find_revealed(earlier: ImageU8, later: ImageU8) -> Mask:
    """Where the later frame shows what the earlier one hid or did not reach, `[height, width]`.

    By DIS, since Farnebäck's flow, an average over 21 px, finds at most half of what a small moving
    thing reveals.
    """
    return ~leads_back(_dis(later, earlier), _dis(earlier, later))


def leads_back(backward: Plane, forward: Plane) -> Mask:
    """Where x + ŵ(x) is inside the frame and the forward flow leads from there back to x.

    |w̃ + ŵ|² ≤ 0.01 (|w̃|² + |ŵ|²) + 0.5 with w̃(x) = w(x + ŵ(x)), as in Ruder et al. (GCPR 2016).

    Args:
        backward: ŵ, float32 `[height, width, 2]`.
        forward: w, the same on the earlier frame's grid.
    """
    height, width = backward.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = columns + backward[..., 0], rows + backward[..., 1]
    inside: Mask = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    returned = cv2.remap(forward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lengths = np.square(returned).sum(axis=2) + np.square(backward).sum(axis=2)
    back: Mask = np.square(returned + backward).sum(axis=2) <= 0.01 * lengths + 0.5
    return inside & back


def sums_along(backward: Plane, masks: list[Mask], films: list[Pictures]) -> list[tuple[Sums, ...]]:
    """The sums of each film over each mask, along one flow, which may as well be a true one.

    Args:
        backward: float32 `[height, width, 2]`, from the later into the earlier frames.
        masks: Of pixels, `[height, width]`; all are parts of the first.
        films: An earlier and a later frame each.
    """
    widest = masks[0]
    rows, columns = np.nonzero(widest)
    earlier, later = (_stacked([film[n] for film in films]) for n in (0, 1))
    vectors = backward[widest]
    warped = sample(earlier, columns + vectors[:, 0], rows + vectors[:, 1])
    errors = np.square(later[widest] - warped.clip(0, 1))
    gradients = np.zeros_like(later)
    gradients[:, :-1] += np.square(np.diff(later, axis=1))
    gradients[:-1] += np.square(np.diff(later, axis=0))
    each = [
        values.reshape(-1, len(films), 3).mean(axis=2, dtype=np.float64)
        for values in (errors, gradients[widest])
    ]
    within = [mask[widest] for mask in masks]
    return [
        tuple(
            Sums(int(part.sum()), *(float(values[part, film].sum()) for values in each))
            for part in within
        )
        for film in range(len(films))
    ]


def sample(image: Plane, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> Plane:
    """A picture's values between its pixels, by Lanczos' kernel of eight, the border replicated.

    Not `cv2.remap`, which rounds places to 1/32 px, and whose kernels displace: at a quarter of a
    pixel Lanczos' by 0.014 px, the cubic one by 0.047.

    Args:
        image: float32 `[height, width, channels]`.
        x: Places `[points]`, in pixels.
        y: The same down the picture.

    Returns:
        float32 `[points, channels]`; may lie beyond the picture's values.
    """
    if len(x) > _POINTS:
        parts = -(-len(x) // _POINTS)
        pieces = zip(np.array_split(x, parts), np.array_split(y, parts), strict=True)
        return np.concatenate([sample(image, *piece) for piece in pieces])
    height, width, channels = image.shape
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    across, down = _lanczos(x - left), _lanczos(y - top)
    flat = image.reshape(-1, channels)
    values: Plane = np.zeros((len(x), channels), dtype=np.float32)
    for tap, weight in down.items():
        start = (top + tap).clip(0, height - 1) * width
        row = np.zeros_like(values)
        for beside, own in across.items():
            row += own[:, None] * flat[start + (left + beside).clip(0, width - 1)]
        values += weight[:, None] * row
    return values


def _stacked(pictures: list[ImageU8]) -> Plane:
    """Pictures one behind the other, float32 `[height, width, 3 · pictures]` in [0, 1]."""
    return np.concatenate(pictures, axis=2, dtype=np.float32) / np.float32(255)


def _lanczos(way: npt.NDArray[np.floating]) -> dict[int, Plane]:
    """Weights of the pixels beside, by their place, for ways in [0, 1) from pixel 0.

    sinc(d) sinc(d / REACH), divided by its sum so that even places stay even; what then displaces,
    up to a fiftieth of a pixel, is taken from one of the middle pixels and given to the other.
    """
    taps = range(1 - REACH, REACH + 1)
    weights = {tap: np.sinc(way - tap) * np.sinc((way - tap) / REACH) for tap in taps}
    total = sum(weights.values())
    weights = {tap: weight / total for tap, weight in weights.items()}
    lag = way - sum(tap * weight for tap, weight in weights.items())
    weights[0], weights[1] = weights[0] - lag, weights[1] + lag
    return {tap: weight.astype(np.float32) for tap, weight in weights.items()}


def _farneback(here: ImageU8, there: ImageU8) -> Plane:
    """Flow `[height, width, 2]` on `here`'s grid: here(p) ≈ there(p + flow)."""
    grays = [_gray(one) * GAIN for one in (here, there)]
    # OpenCV's stubs demand an array where None means that there is no first guess.
    flow: Plane = cv2.calcOpticalFlowFarneback(*grays, None, 0.5, 4, 21, 5, 7, 1.5, 0)  # type: ignore[call-overload]
    return flow


def _dis(here: ImageU8, there: ImageU8) -> Plane:
    """The same by dense inverse search, down to single pixels."""
    height, width = here.shape[:2]
    beside = ((0, max(0, _SHORTEST_PX - height)), (0, max(0, _SHORTEST_PX - width)))
    grays = [
        np.pad(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), beside, mode="edge") for one in (here, there)
    ]
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)
    flow: Plane = dis.calc(*grays, None)  # type: ignore[call-overload] # as above
    return flow[:height, :width]


def _texture(image: ImageU8) -> Plane:
    """The smaller eigenvalue of the structure tensor, `[height, width]`."""
    gray = _gray(image)
    x, y = (cv2.Sobel(gray, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    xx, xy, yy = (
        cv2.GaussianBlur(product, (0, 0), NEARBY_SIGMA) for product in (x * x, x * y, y * y)
    )
    smaller: Plane = (xx + yy) / 2 - np.sqrt(np.square((xx - yy) / 2) + np.square(xy))
    return smaller


def _gray(image: ImageU8) -> Plane:
    """Gray values `[height, width]` of 0 to 255, not rounded."""
    return cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY).astype(np.float32, copy=False)
