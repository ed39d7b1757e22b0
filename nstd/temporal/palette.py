"""The palette: which color of the source became which in a shot's first painted frame.

A style does not say which color belongs where, so what comes into a shot later has none of its own.
When it took the colors of the paint around, they were muddy behind what moved away, and at the
border of a pan more vivid from frame to frame: each new strip took them from the strip before.
So it takes the colors that the first frame gave to similar ones. And since a style does not say how
bright a picture is as a whole either, small changes would add up over a shot: the palette holds it.
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
"""Number of cells along the long edge over which colors are averaged. With 16, what moves over the
demo's harbor was a little further from its content after 72 frames."""

LIKE = 10 / 255
"""σ of the similarity of source colors, all three together; at this difference it is 0.6."""

ENOUGH = 2.0
"""This many similar cells of the first frame give half of a color; the rest comes from the paint
around. If no cell is similar, all of it comes from there; if some are a little similar, most."""

HELD = 0.1
"""Share of a frame's mean difference from the palette that is taken back. A pan there and back was
5.7 % darker after 300 frames without, and is 1.1 % lighter with it; flicker is the same."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Colors of the cells of a shot's first frame, sRGB in [0, 1].

    Attributes:
        source: Mean color of each cell of the source.
        painted: Mean color of each cell of the painted frame, in the same order.
    """

    source: tuple[CellColor, ...]
    painted: tuple[CellColor, ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Palette":
        """The palette that `dataclasses.asdict` and JSON turned into `values`."""
        return cls(**{key: tuple(map(tuple, value)) for key, value in values.items()})

    def change(self, content: ImageTensor) -> tuple[ImageTensor, Float[Tensor, "1 1 height width"]]:
        """The change of color of each place times how far it is known; and how far it is, 0…1.

        The change is a mean over the first frame's cells; the more similar a cell is, the more it
        counts.

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
        # Many cells that are a little similar tell no more than the most similar one.
        known = alike.amax(dim=1, keepdim=True) * many / (many + ENOUGH)
        means = alike @ painted / many.clamp(min=torch.finfo(many.dtype).tiny)
        # Multiplied before it is enlarged: cells without a similar one have no color to mix in.
        changes = known * (means - shown)
        both = torch.cat([changes, known], dim=1).T.reshape(1, 4, *cells.shape[2:])
        whole = F.interpolate(both, (height, width), mode="bilinear", align_corners=False)
        return whole[:, :3], whole[:, 3:]

    def hold(self, painted: ImageTensor, content: ImageTensor) -> ImageTensor:
        """`painted`, its mean color a little nearer to that which the first frame's colors make.

        Places count as far as they look like something in the first frame. So a fade is not held.

        Args:
            painted: A later frame, in [0, 1].
            content: Of that frame, of the same size, in [0, 1].
        """
        exact = content.to(torch.promote_types(content.dtype, torch.float32))
        change, known = self.change(exact)
        off = change + known * (exact - painted)
        held = painted + HELD * off.mean(dim=(2, 3), keepdim=True)
        return held.clamp(0, 1).to(painted.dtype)


def palette_of(painted: ImageTensor, source: ImageTensor) -> Palette:
    """The palette of a shot whose first frame was painted so, both pictures of one size."""
    return Palette(_colors(source), _colors(painted))


def _colors(image: ImageTensor) -> tuple[CellColor, ...]:
    cells: Sequence[Sequence[float]] = _cells(image)[0].flatten(1).T.tolist()
    # A hundredth of a code value is precise enough, and keeps the ledger's row short.
    return tuple(tuple(round(value, 5) for value in color) for color in cells)


def _cells(image: ImageTensor) -> Float[Tensor, "1 3 rows columns"]:
    exact = image.to(torch.promote_types(image.dtype, torch.float32))
    return square_means(exact, max(image.shape[2:]) / CELLS)
