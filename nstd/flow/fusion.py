"""Fusion: each place takes the motion that explains it best, the estimator's or a dominant one.

An estimator finds a place's motion from what is around it. It lags behind slow motion, makes up
motion in even places, and carries the motion of a thing some 10 px beyond its boundary. But most of
a picture moves as its large parts do. So a few affine motions that explain most of it are fitted to
the intensities, and each place chooses among them and the estimator's own flow (fusion of flow
candidates: Lempitsky, Roth and Rother, CVPR 2008). Candidates are compared over squares that may
lie on any side of a place (shiftable windows: Bobick and Intille, IJCV 1999): some square lies
wholly on the place's own side of a motion boundary, which is found to the pixel.

Planes are gray, float32 `[1, 1, height, width]` in code values; own(p) ≈ other(p + flow(p)).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from nstd.flow.estimator import Flow, ImageU8

Plane = Float[Tensor, "1 1 height width"]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]
N = TypeVar("N", Numbers, Tensor)

MOTIONS = 3
"""Dominant motions that are looked for, at most."""

WINDOW_PX = 9
"""Edge of the squares over which differences are averaged."""

OUTLIER = 400.0
"""Larger squared differences of a pixel, in code values², count as this: what is hidden."""

PRIOR = 0.15
"""How much a motion's share s of the picture counts: −ln s times this share of the noise is added
to its cost. So even places, which any motion explains, take the most common one."""

LEAST_SHARE = 0.05
"""No motion is looked for if less than this share of all that tells is left. The estimator's own
flow counts as a motion of this share."""

TEXTURE = 4.0
"""Squared gradient, in code values² a pixel², of a place that counts for half in fitting."""

FIT_PX = 0.35
"""A place whose flow differs by this from a motion has a quarter of its weight in fitting it, and
pictures that differ as a displacement by this would make them count as explained by it."""

LEAST_NOISE = 0.5
"""Squared differences, in code values², that rounding and interpolation make."""

FEWEST, MOST = 100, 5_000
"""Places that a motion is fitted to. Where fewer tell how they move, nothing moves."""

FIT_OUTLIER = 25.0
"""Squared difference, in code values², at which a place has half its weight in fitting."""

STEPS, SETTLED_PX = 20, 0.002
"""Of fitting: the most steps, and the change at the picture's edge with which it ends."""

TOLD = 22.5
"""A motion is one by whole pixels unless it explains more squared differences, in units of the
noise, than chance does in a thousandth of all cases (χ², six degrees of freedom)."""

WHOLE_PX = 0.02
"""A motion as near as this to whole pixels is one by whole pixels, too: fits are no more exact."""


def fuse(
    earlier: ImageU8, later: ImageU8, flows: tuple[Flow, Flow], device: torch.device | str = "cpu"
) -> tuple[Flow, Flow]:
    """Flow between two pictures, with a dominant motion wherever that explains them as well.

    Args:
        earlier: A frame.
        later: The next one, of the same size.
        flows: Backward and forward flow, as an estimator finds them.
        device: Where to compute.

    Returns:
        Backward and forward flow, on the CPU.
    """
    before, after = (_softened(one, device) for one in (earlier, later))
    with torch.no_grad():
        return _fused(after, before, flows[0]), _fused(before, after, flows[1])


def _fused(own: Plane, other: Plane, flow: Flow) -> Flow:
    grid, found = _grid(own), flow.to(own.device)
    moved = _sampled(other, grid + found)
    own = _in_light_of(own, moved)
    places = _Places(own, other, flow)
    if not places.tell:  # all is even
        return torch.zeros_like(flow)
    steepness = places.steepness(own)
    noise = max(LEAST_NOISE, float(_differences(own, other, grid + found).median()))
    # What leads out of the picture is explained no better and no worse than what is near.
    beyond = FIT_PX**2 * steepness + noise

    def averaged(candidate: Flow) -> Plane:
        at = grid + candidate
        differences = torch.where(_leaves(at, own.shape[2:]), beyond, _differences(own, other, at))
        return _averaged(differences, WINDOW_PX)

    cost = averaged(found)
    as_well = (
        cost - PRIOR * math.log(LEAST_SHARE) * noise + _averaged(FIT_PX**2 * steepness, WINDOW_PX)
    )
    best = _shifted(cost) - PRIOR * math.log(LEAST_SHARE) * noise
    x, y, _ = _basis(grid[:, 0], grid[:, 1], grid.shape[2:])
    for motion in places.motions():
        candidate = torch.stack([a * x + b * y + c for a, b, c in motion.tolist()], dim=1)
        cost = averaged(candidate)
        share = places.leave(cost <= as_well)
        cost = _shifted(cost) - PRIOR * math.log(max(share, 1e-3)) * noise
        taken = cost < best
        best, found = torch.where(taken, cost, best), torch.where(taken, candidate, found)
    return found.cpu()


class _Places:
    """The places that tell how they move, and that no motion explains yet.

    On the CPU, in NumPy: its sums do not depend on the number of threads.

    Args:
        own: In the light of `other`.
        other: What motions lead into.
        flow: The estimator's.
    """

    def __init__(self, own: Plane, other: Plane, flow: Flow) -> None:
        self._own, self._other = own[0, 0].cpu().double().numpy(), other.cpu()
        padded = np.pad(self._own, 1, mode="edge")
        across = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
        down = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
        self._slopes = across, down
        self._flow = flow[0].numpy()
        self._steep = across**2 + down**2
        # How much a place tells of its motion: little if it is as even as noise is.
        self._left = self._steep / (self._steep + TEXTURE)
        self._all = self._left.sum()
        self.tell = bool(self._all >= FEWEST)

    def steepness(self, like: Plane) -> Plane:
        """Squared gradients, code values² a pixel²."""
        return torch.from_numpy(self._steep)[None, None].to(like)

    def leave(self, explained: Tensor) -> float:
        """Leave out what a motion explains; gives its share of all that tells."""
        gone = self._left * explained[0, 0].cpu().numpy()
        self._left = self._left - gone
        return float(gone.sum() / self._all)

    def motions(self) -> Iterator[Numbers]:
        """Dominant motions `[2, 3]` (see `_basis`), each of the most of what is left before it."""
        for _ in range(MOTIONS):
            motion = self._fitted() if self._enough() else None
            if motion is None:
                break
            yield motion
        if self._enough():
            # Standing comes last: of what moves slowly, much looks as if it stood.
            yield np.zeros((2, 3))

    def _enough(self) -> bool:
        return bool(self._left.sum() >= max(FEWEST, LEAST_SHARE * self._all))

    def _some(self) -> tuple[Indices, Indices]:
        """Rows and columns of places, the more of them the more they tell."""
        along = np.cumsum(self._left)
        count = min(MOST, int(along[-1]))
        chosen = np.searchsorted(along, (np.arange(count) + 0.5) / count * along[-1])
        return np.divmod(np.minimum(chosen, along.size - 1), self._left.shape[1])

    def _off(self, rows: Indices, columns: Indices, moved: Numbers) -> tuple[Numbers, Flags]:
        """How far the pictures differ along motions `[2, count]`; and which stay inside."""
        at = torch.from_numpy(moved + np.stack([columns, rows]))[None, :, None].float()
        there = _sampled(self._other, at)[0, 0, 0].double().numpy()
        return self._own[rows, columns] - there, ~_leaves(at, self._left.shape)[0, 0, 0].numpy()

    def _fitted(self) -> Numbers | None:
        """The affine motion of the most of what is left, or None.

        It begins with the most frequent flow. Steps are Gauss and Newton's on the intensities
        (Lucas and Kanade, IJCAI 1981), with little weight where intensities, or the flow found by
        the estimator, do not fit; so it grows from where it begins over all that moves with it, and
        does not slide from one motion to another.
        """
        rows, columns = self._some()
        flow = self._flow[:, rows, columns].astype(np.float64)
        basis = np.stack(_basis(columns.astype(float), rows.astype(float), self._left.shape))
        slopes = np.concatenate([one[rows, columns] * basis for one in self._slopes])
        motion = np.zeros((2, 3))
        motion[:, 2] = _most_frequent(flow)
        begun = 0.0
        for _ in range(STEPS):
            moved = motion @ basis
            off, inside = self._off(rows, columns, moved)
            near = 1 / np.square(1 + np.square(flow - moved).sum(axis=0) / FIT_PX**2)
            begun = begun or near.sum()
            weights = near * inside / (1 + np.square(off) / FIT_OUTLIER)
            weighed = slopes * weights
            # A little of the identity, for places that all lie on one straight edge.
            squares = np.einsum("in,jn->ij", weighed, slopes) + 1e-3 * len(rows) * np.eye(6)
            step = np.linalg.solve(squares, np.einsum("in,n->i", weighed, off))
            motion = motion + step.reshape(2, 3)
            if np.abs(step).max() < SETTLED_PX:
                break
        if near.sum() < begun / 2:
            return None  # it has slid away from what the estimator found
        whole = np.zeros((2, 3))
        whole[:, 2] = np.rint(motion[:, 2])
        if np.abs(motion - whole).max() < WHOLE_PX:
            return whole
        straight, also = self._off(rows, columns, whole @ basis)
        near = near * (inside & also)
        found, plain = (one**2 / (1 + one**2 / FIT_OUTLIER) for one in (off, straight))
        found = found * _smoothing(columns + moved[0], rows + moved[1])
        told = near @ (plain - found) * near.sum() > TOLD * (near @ found)
        return motion if told else whole


def _basis(columns: N, rows: N, size: Sequence[int]) -> list[N]:
    """What the terms of an affine motion are multiplied with: places, and 1.

    Places are in halves of the long edge from the middle, so terms are in pixels at the edge.
    """
    height, width = size
    half = max(height, width) / 2
    x, y = (columns - (width - 1) / 2) / half, (rows - (height - 1) / 2) / half
    return [x, y, 0 * x + 1]


def _most_frequent(flow: Numbers) -> Numbers:
    """The mean of those vectors of a flow `[2, count]` that are the most within a bin."""
    most, found = 0, flow[:, 0]
    # Bins of 2 · FIT_PX, and those moved by half a bin: one of them has the motion well inside.
    for shift in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)):
        bins = np.floor(flow.T / (2 * FIT_PX) + shift).astype(np.int64)
        _, first, counts = np.unique(bins, axis=0, return_index=True, return_counts=True)
        if counts.max() > most:
            most = int(counts.max())
            inside = (bins == bins[first[counts.argmax()]]).all(axis=1)
            found = flow[:, inside].mean(axis=1)
    return found


def _grid(picture: Plane) -> Flow:
    height, width = picture.shape[2:]
    rows, columns = (torch.arange(n, device=picture.device).float() for n in (height, width))
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"))[None]


def _softened(image: ImageU8, device: torch.device | str) -> Plane:
    """[1 2 1] / 4 each way: less noise, and bilinear interpolation takes as little everywhere."""
    gray = torch.from_numpy(np.ascontiguousarray(image)).to(device).float().mean(dim=2)[None, None]
    padded = F.pad(gray, (1, 1, 1, 1), mode="replicate")
    return _over(_over(padded, 2, torch.add), 2, torch.add) / 16


def _sampled(picture: Plane, places: Flow) -> Plane:
    height, width = picture.shape[2:]
    scale = places.new_tensor([2 / max(1, width - 1), 2 / max(1, height - 1)])
    grid = places.permute(0, 2, 3, 1) * scale - 1
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=True)


def _differences(own: Plane, other: Plane, places: Flow) -> Plane:
    """Squared differences of `own` and `other` at places."""
    moved = _sampled(other, places)
    squares = moved.sub_(own).square_()
    return squares.mul_(_smoothing(places[:, :1], places[:, 1:])).clamp_(max=OUTLIER)


def _smoothing(x: N, y: N) -> N:
    """Makes up for what interpolation between pixels takes from noise, which is no better match.

    Of noise of variance 1, softened by [1 2 1] / 4, neighbors correlate by 2/3; so at a share f of
    the way between two of them 1 − 2/3 · f (1 − f) is left, each way.
    """
    across, down = (1 - (one % 1) * (1 - one % 1) * (2 / 3) for one in (x, y))
    return 2 / (1 + across * down)


def _leaves(places: Flow, size: Sequence[int]) -> Bool[Tensor, "1 1 height width"]:
    """Which places lie beyond the border."""
    height, width = size
    x, y = places[:, :1], places[:, 1:]
    return (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)


def _in_light_of(own: Plane, moved: Plane) -> Plane:
    """`own` with the gain and the offset by which it is likest `moved`, as in a fade.

    By linear regression of one fourth of the size, without outliers.
    """
    a, b = (F.avg_pool2d(one, 4, ceil_mode=True, count_include_pad=False) for one in (own, moved))
    gain, offset = b.std(correction=0) / a.std(correction=0).clamp(min=1), a.new_zeros(())
    for _ in range(3):
        off = gain * a + offset - b
        weights = 1 / (1 + off.square() / FIT_OUTLIER).square()
        mean_a, mean_b = ((weights * one).sum() / weights.sum() for one in (a, b))
        covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
        gain = covariance / (weights * (a - mean_a).square()).sum().clamp(min=1e-6)
        offset = mean_b - gain * mean_a
    return gain * own + offset


def _averaged(values: Tensor, window: int) -> Tensor:
    """Means over squares of `window` pixels, an odd number; the border is replicated."""
    by = window // 2
    padded = F.pad(values, (by, by, by, by), mode="replicate")
    return _over(padded, window, torch.add) / window**2


def _shifted(cost: Plane) -> Plane:
    """The least cost of the squares that a place lies in."""
    by = WINDOW_PX // 2
    padded = F.pad(cost, (by, by, by, by), mode="replicate")
    return _over(padded, WINDOW_PX, torch.minimum)


def _over(values: Tensor, window: int, join: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """All that lies in squares of `window` pixels, joined; less by `window` − 1 each way.

    By doubling: the same few operations in the same order on every device.
    """
    for dim in (2, 3):
        left = values.shape[dim] - window + 1
        parts, start, span = [], 0, 1
        while True:
            if window & span:
                parts.append(values.narrow(dim, start, left))
                start += span
            if 2 * span > window:
                break
            length = values.shape[dim] - span
            values = join(values.narrow(dim, 0, length), values.narrow(dim, span, length))
            span *= 2
        values = reduce(join, parts)
    return values
