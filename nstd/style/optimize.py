"""From a frame to a painted frame: initialization, the levels from coarse to fine, the steps."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from nstd.errors import ConfigError
from nstd.style.canvas import ImageTensor, refine, resize
from nstd.style.ladder import PlannedLevel, painted_size, plan_levels
from nstd.style.losses import feature_energy
from nstd.style.minimize import LBFGS, Adam, Minimizer
from nstd.style.network import Network
from nstd.style.recipe import StyleRecipe
from nstd.style.sobolev import SobolevMetric
from nstd.style.targets import (
    ENERGY_FLOOR,
    StyleImage,
    StyleTarget,
    TensorStore,
    content_target,
    style_target,
)
from nstd.style.terms import Losses, Objective, frame_terms


@dataclass(frozen=True, slots=True, eq=False)
class Iterate:
    """The picture after one step, that is, one forward and backward pass.

    Attributes:
        level: Number of the level, from 0.
        levels: How many there are.
        step: Number of the step in its level, from 1; 0 where the frame took none.
        steps: How many the level has, at most.
        losses: Of `image`; in the frame's last Iterate, of the clamped result.
        image: `[1, 3, height, width]` at the level's size. In the frame's last Iterate it is the
            result, clamped to [0, 1] and at the painted size. Must not be changed.
        final: Whether this is the frame's last Iterate.
    """

    level: int
    levels: int
    step: int
    steps: int
    losses: Losses
    image: ImageTensor
    final: bool = False

    @property
    def done(self) -> float:
        """How far the frame is, 0…1; a frame that took no step is done too."""
        return 1.0 if self.final else (self.level + self.step / self.steps) / self.levels


@dataclass(frozen=True, slots=True, eq=False)
class Painter:
    """A recipe on a device, ready to paint frames.

    Attributes:
        recipe: What the look is.
        network: On the device to compute on.
        weights_sha256: Hash of the network's weights.
        styles: The decoded style images.
        store: Where the styles' statistics are cached.
        history: L-BFGS curvature pairs.
    """

    recipe: StyleRecipe
    network: Network
    weights_sha256: str
    styles: tuple[StyleImage, ...]
    store: TensorStore
    history: int = 10

    def levels(self, width: int, height: int) -> tuple[PlannedLevel, ...]:
        """The levels for frames of `width` × `height` pixels; the last is the painted size."""
        return plan_levels(self.recipe.levels, width, height, self.recipe.size)

    def painted_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the painted pictures of frames of `width` × `height` pixels."""
        return painted_size(self.recipe.size, width, height)

    def style_target(self, level: PlannedLevel) -> StyleTarget:
        """The style's statistics at `level`, from the cache where they are known."""
        return style_target(
            self.styles,
            level.long_edge,
            self.network,
            self.weights_sha256,
            self.recipe,
            self.store,
        )

    def content_energies(self, frame: ImageTensor) -> tuple[float, ...]:
        """‖F(C)‖²/M of `frame` at each level: what a shot's content losses are divided by.

        Taken from the first frame of a shot and held constant over it; see `ENERGY_FLOOR`.
        """
        layer = self.recipe.content_layer
        frame = frame.to(self.network.device, self.network.dtype)
        energies = []
        for level in self.levels(frame.shape[3], frame.shape[2]):
            with torch.no_grad():
                image = resize(frame, level.width, level.height)
                features = self.network.features(image, [layer])[layer]
                own = feature_energy(features, self.network.metric_factor(layer))
            floor = ENERGY_FLOOR * self.style_target(level).energy
            energies.append(float(own.maximum(floor)[0]))
        return tuple(energies)


def stylize_frame(
    painter: Painter, frame: ImageTensor, energies: Sequence[float] | None = None
) -> Iterator[Iterate]:
    """Paint a frame from its own content alone; yields after every step, and finally the result.

    Every level's content is the frame itself scaled once, so that a picture painted small and the
    same painted large share their coarsest level to the bit.

    Args:
        painter: The recipe, on its device.
        frame: `[1, 3, height, width]`, sRGB in [0, 1], on any device.
        energies: `Painter.content_energies` of the shot; by default the frame's own.

    Raises:
        ConfigError: The frame is too small for the network.
    """
    network = painter.network
    frame = frame.to(network.device, network.dtype)
    levels = painter.levels(frame.shape[3], frame.shape[2])
    image = frame
    for number, level in enumerate(levels):
        content = resize(frame, level.width, level.height)
        objective = level_objective(painter, level, content, energies[number] if energies else None)
        start = refine(image, content) if number else initialize(painter, content)
        settling = Settling(painter.recipe.tolerance, painter.recipe.tolerance_window)
        for step in minimize(painter, objective, start, level.steps):
            image, taken = step.image, step.number
            yield Iterate(number, len(levels), taken, level.steps, step.losses, image)
            if settling.after(float(step.tried.total)):
                break
    result = image.clamp(0, 1)
    with torch.no_grad():
        found = objective(result)
    yield Iterate(number, len(levels), taken, level.steps, found, result, final=True)


def initialize(painter: Painter, content: ImageTensor) -> ImageTensor:
    """What the coarsest level starts from: the content, the style or seeded noise.

    The noise is the same for every frame and on every device: it is drawn on the CPU.
    """
    recipe = painter.recipe
    if recipe.init == "content":
        return content
    height, width = content.shape[2:]
    if recipe.init == "noise":
        generator = torch.Generator().manual_seed(recipe.seed)
        noise = torch.rand((1, 3, height, width), generator=generator)
        return noise.to(content)
    style = painter.styles[0].image.to(content)
    scale = max(width / style.shape[3], height / style.shape[2])
    covering = resize(style, round(style.shape[3] * scale), round(style.shape[2] * scale))
    top, left = (covering.shape[2] - height) // 2, (covering.shape[3] - width) // 2
    return covering[:, :, top : top + height, left : left + width]


def level_objective(
    painter: Painter, level: PlannedLevel, content: ImageTensor, energy: float | None
) -> Objective:
    """What is minimized at `level`; `energy` is the shot's there, or None for the frame's own."""
    style = painter.style_target(level)
    layer = painter.recipe.content_layer
    target = content_target(content, painter.network, layer, style.energy, energy)
    return Objective(painter.network, frame_terms(painter.network, painter.recipe, style, target))


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of minimizing.

    Attributes:
        number: From 1.
        tried: Losses at the point that the step tried.
        losses: Losses of `image`.
        image: The best picture so far.
    """

    number: int
    tried: Losses
    losses: Losses
    image: ImageTensor


def minimize(
    painter: Painter,
    objective: Objective,
    start: ImageTensor,
    steps: int,
    share: Float[Tensor, "1 1 height width"] | None = None,
) -> Iterator[Step]:
    """Minimize `objective` from `start` on, step by step.

    Args:
        painter: Whose recipe tells the optimizer.
        objective: What is minimized.
        start: Where to begin.
        steps: At most.
        share: How far a step moves each place. If given, z is minimized over in the pixels' own
            metric, and the picture is `start` + share · z. By default z is the picture itself, and
            L-BFGS uses `SobolevMetric`.

    Raises:
        ConfigError: The recipe's weights, or its learning rate, lead beyond what float32 can hold.
    """
    if share is None:
        minimizer = new_minimizer(painter, start[0])
    else:
        minimizer = new_minimizer(painter, torch.zeros_like(start[0]), sobolev=False)

    def picture(z: Tensor) -> ImageTensor:
        return z[None] if share is None else start + share * z

    best: Losses | None = None
    for number in range(1, steps + 1):
        point = picture(minimizer.point)
        tried, gradient = objective.with_gradient(point)
        # L-BFGS takes no step that leads beyond numbers; Adam goes wherever its rate takes it.
        if (number == 1 or isinstance(minimizer, Adam)) and not _is_finite(tried, gradient):
            raise _overflow(painter, objective, point, tried, first=number == 1)
        slope = gradient[0] if share is None else gradient[0] * share[0]
        accepted = minimizer.tell(float(tried.total), slope)
        best = tried if accepted or best is None else best
        yield Step(number, tried, best, picture(minimizer.best))


def _is_finite(found: Losses, gradient: Tensor) -> bool:
    """Whether a step can be taken from there: the gradient's square is what optimizers go by."""
    return math.isfinite(float(found.total)) and math.isfinite(float(gradient.square().sum()))


def _overflow(
    painter: Painter, objective: Objective, point: ImageTensor, found: Losses, *, first: bool
) -> ConfigError:
    """Why no step can be taken: something exceeds what float32 can hold.

    Args:
        painter: For the learning rate.
        objective: For the terms and their weights.
        point: The picture that was evaluated.
        found: Its losses.
        first: Whether it is the first one; at a later one the optimizer has gone too far.

    Returns:
        An error that names the weight of the term that is to blame, or the rate.
    """
    if not first:
        return ConfigError(
            "The recipe overflows: its loss is no number any more, by a learning_rate of "
            f"{painter.recipe.learning_rate:g}",
            "Give learning_rate a smaller value",
        )
    what = f"its loss is {float(found.total):g}, most of it"
    sizes = [float(term.weight * found.terms[term.name]) for term in objective.terms]
    if math.isfinite(float(found.total)):
        what = "its loss has no finite gradient, most of all"
        alone = [Objective(objective.network, (term,)) for term in objective.terms]
        sizes = [float(one.with_gradient(point)[1].square().sum()) for one in alone]
    sizes = [abs(size) if math.isfinite(size) else math.inf for size in sizes]
    key, value = objective.terms[sizes.index(max(sizes))].largest_factor
    return ConfigError(
        f"The recipe overflows at its first step: {what} by {key}, which is {value:g}",
        f"Give {key} a smaller value",
    )


def new_minimizer(painter: Painter, start: Tensor, *, sobolev: bool = True) -> Minimizer:
    """What minimizes the loss of one frame, from `start` `[3, height, width]` on.

    Args:
        painter: Whose recipe tells the optimizer.
        start: Where to begin.
        sobolev: Whether L-BFGS uses `SobolevMetric`; otherwise it uses the pixels' own metric.
    """
    if painter.recipe.optimizer == "adam":
        return Adam(start, painter.recipe.learning_rate)
    if sobolev:
        return LBFGS(start, painter.history, SobolevMetric(start).dual)
    return LBFGS(start, painter.history)


class Settling:
    """Notices when a frame's loss has all but stopped falling.

    Args:
        tolerance: Share of itself by which the loss must still fall over `window` steps; with 0 it
            never settles.
        window: Steps.
    """

    def __init__(self, tolerance: float, window: int) -> None:
        self._tolerance = tolerance
        self._lowest: deque[float] = deque(maxlen=window + 1)

    def after(self, loss: float) -> bool:
        """Whether the level may end, now that `loss` was met."""
        best = self._lowest[-1] if self._lowest else math.inf
        self._lowest.append(min(best, loss))  # in this order a NaN is never the best
        if self._tolerance == 0 or len(self._lowest) < (self._lowest.maxlen or 0):
            return False
        return self._lowest[0] - self._lowest[-1] <= self._tolerance * self._lowest[-1]
