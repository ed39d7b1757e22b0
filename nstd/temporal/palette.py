"""Which colors a shot's first frame was painted in, by those of its source.

What comes into a shot later has no color of its own in the style: statistics say which colors there
are, and not where. Taken from the paint around, it was muddy behind what moved away, and at the
border of a pan more vivid from frame to frame: paint that had just come in was what the next strip
was taken from. So it takes the colors that the first frame gave to what looked like it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nstd.style.canvas import ImageTensor, square_means

CellColor = tuple[float, ...]

CELLS = 24
"""Areas along the long edge over which colors are averaged. With 16 what moves over the demo's
harbor was a little further from its content after 72 frames."""

LIKE = 10 / 255
"""Differences of source colors, of all three together, at which one counts for 0.6 of the same."""

ENOUGH = 2.0
"""So many cells of the first frame that look the same tell half of a color; the rest is taken from
the paint around. What the first frame showed nothing like takes all of it from there, and what is a
little like it takes as much from there as it is not."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Colors of the cells of a shot's first frame, sRGB in [0, 1].

    Attributes:
        source: What was painted.
        painted: What became of it, in the same order.
    """

    source: tuple[CellColor, ...]
    painted: tuple[CellColor, ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Palette":
        """What `dataclasses.asdict` and JSON have made of one."""
        return cls(**{key: tuple(map(tuple, value)) for key, value in values.items()})

    def change(self, content: ImageTensor) -> tuple[ImageTensor, Float[Tensor, "1 1 height width"]]:
        """How `content` is to change its color, times how far that is known; and that, 0…1.

        A mean of what became of the first frame's cells, those counting more that look more alike.

        Args:
            content: Of a later frame, at any size, in [0, 1].
        """
        height, width = content.shape[2:]
        cells = _cells(content)
        shown = cells[0].flatten(1).T
        source, painted = (shown.new_tensor(colors) for colors in (self.source, self.painted))
        squares = (shown[:, None] - source[None]).square().sum(dim=2)
        alike = torch.exp(squares / (-2 * LIKE**2))
        many = alike.sum(dim=1, keepdim=True)
        # However many are a little like it, they tell no more than the likest one is.
        known = alike.amax(dim=1, keepdim=True) * many / (many + ENOUGH)
        means = alike @ painted / many.clamp(min=torch.finfo(many.dtype).tiny)
        # Times `known` before it is enlarged: what is like nothing has no color to mix with.
        changes = known * (means - shown)
        both = torch.cat([changes, known], dim=1).T.reshape(1, 4, *cells.shape[2:])
        whole = F.interpolate(both, (height, width), mode="bilinear", align_corners=False)
        return whole[:, :3], whole[:, 3:]


def palette_of(painted: ImageTensor, source: ImageTensor) -> Palette:
    """The palette of a shot whose first frame was painted so, both pictures of one size."""
    return Palette(_colors(source), _colors(painted))


def _colors(image: ImageTensor) -> tuple[CellColor, ...]:
    cells: Sequence[Sequence[float]] = _cells(image)[0].flatten(1).T.tolist()
    # A hundredth of a code value is enough, and a ledger's row need not be long.
    return tuple(tuple(round(value, 5) for value in color) for color in cells)


def _cells(image: ImageTensor) -> Float[Tensor, "1 3 rows columns"]:
    exact = image.to(torch.promote_types(image.dtype, torch.float32))
    return square_means(exact, max(image.shape[2:]) / CELLS)
