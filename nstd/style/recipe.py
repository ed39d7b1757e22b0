"""What a look is: every choice that changes the picture, in one frozen value. No torch here."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from nstd.errors import ConfigError
from nstd.style.ladder import DEFAULT_LEVELS, FORMATS, SHORTEST_EDGE_PX, Level

Form = Literal["relative", "literal"]
Optimizer = Literal["lbfgs", "adam"]
Init = Literal["content", "style", "noise"]
Pooling = Literal["max", "average"]
Padding = Literal["reflect", "replicate"]
Strength = Literal["subtle", "normal", "strong"]
TemporalMode = Literal["flow", "independent"]

_WORDS = {
    "form": Form,
    "optimizer": Optimizer,
    "init": Init,
    "pooling": Pooling,
    "padding": Padding,
}

STRENGTHS: dict[Strength, float] = {"subtle": 0.5, "normal": 0.05, "strong": 0.005}
"""Content weight α of each preset, for the relative form; chosen by looking at 27 pictures."""

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_LAYER = "conv4_2"

CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)
"""VGG-19, configuration E of Simonyan and Zisserman 2015."""

LAYERS = tuple(
    f"conv{block}_{number}"
    for block, count in enumerate(CONVOLUTIONS_PER_BLOCK, start=1)
    for number in range(1, count + 1)
)
"""All convolutions of VGG-19 in order; a layer's activations are those after its ReLU."""


def _require(condition: bool, problem: str, remedy: str | None = None) -> None:  # noqa: FBT001
    if not condition:
        raise ConfigError(problem, remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleSource:
    """One style image of a recipe.

    Attributes:
        image: Path of the file.
        weight: Its share in the blend of the style images' statistics; shares are normalized.
        scale: Long edge at which it is looked at, as a factor of the level's long edge. Larger
            makes larger strokes.
        sha256: Hash of the file, once it is frozen into a job.
        name: What it was called before: a frozen file is called by its hash. For people alone.
        origin: Where it was frozen from: it is copied again from there if it is damaged.
    """

    image: str
    weight: float = 1.0
    scale: float = 1.0
    sha256: str | None = None
    name: str | None = None
    origin: str | None = None

    def __post_init__(self) -> None:
        _require(0 < self.weight < math.inf, f"The weight of the style {self.image} is not above 0")
        _require(0.1 <= self.scale <= 10, f"The scale of the style {self.image} is not in 0.1…10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporal:
    """How the frames of a film hold together.

    Attributes:
        mode: "flow" paints each frame from the ones before it in its shot, warped along the optical
            flow; "independent" paints each from its own content alone.
        weight: γ, of the mean squared difference from the warped earlier frames, where the source
            is lively; where it hardly changes, up to `pace.FIRMEST` times as much. With 0 paint is
            begun from them, and keeps their broad colors.
        long_term: Distances in frames, beyond 1, of earlier frames that are looked at too.
        estimator: Of the flow: "dis", "raft", or one that another package brings.
        settled: A frame ends when its loss is at most this share above that of the shot's first
            frame (what earlier frames gave it is as good as that), or has all but stopped falling.
            With 0 it takes all its steps.
    """

    mode: TemporalMode = "flow"
    weight: float = 3.0
    long_term: tuple[int, ...] = ()
    estimator: str = "dis"
    settled: float = 0.05

    def __post_init__(self) -> None:
        words = get_args(TemporalMode)
        _require(self.mode in words, f"temporal: mode is {self.mode}, not {' or '.join(words)}")
        _require(
            math.isfinite(self.weight) and self.weight >= 0,
            f"temporal: weight is {self.weight}, not 0 or above",
        )
        _require(
            list(self.long_term) == sorted({*self.long_term} - {*range(2)}),
            "temporal: long_term is no list of growing distances from 2 frames on",
        )
        _require(bool(self.estimator), "temporal: estimator names none")
        _require(
            math.isfinite(self.settled) and self.settled >= 0,
            f"temporal: settled is {self.settled}, not 0 or above",
        )

    @property
    def distances(self) -> tuple[int, ...]:
        """All distances at which earlier frames are looked at, the closest first."""
        return (1, *self.long_term) if self.mode == "flow" else ()


INDEPENDENT = Temporal(mode="independent")
"""Each frame for itself: a frozen recipe that says nothing of `temporal` means this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleRecipe:
    """A look. The same recipe, source, plan and device kind give the same bytes.

    Attributes:
        styles: The style images, blended by weight; none where nothing is painted (`UNPAINTED`).
        network: A network's name, the path of its weights, or "auto".
        network_name: What it was called before it was frozen into a job by content.
        network_sha256: Hash of the weights file, once it is frozen into a job.
        form: "relative" divides each term by its target's own squared norm, so that weights mean
            the same on every network and size; "literal" is Gatys et al. 2016, equations 1 to 7.
        content_layer: Layer of the content loss.
        content_weight: α.
        style_layers: Layers of the style loss.
        layer_weights: w_l, one for each style layer.
        style_weight: β.
        tv_weight: τ, of the mean squared difference between neighboring pixels.
        range_weight: ρ, of the mean squared excess over [0, 1].
        size: Long edge of the painted picture, in pixels, or one of `FORMATS`, which it then fills
            as far as its shape allows; None is the frame's own. A picture painted at 256 px is the
            coarsest level of the same picture at 1024 px.
        levels: The ladder; see `plan_levels`.
        optimizer: "lbfgs" or "adam".
        learning_rate: Adam's, in units of the pixel range [0, 1].
        init: What the coarsest level starts from.
        pooling: "max" as trained, or "average".
        padding: Of the convolutions; zeros would paint a border.
        tolerance: A level ends early when its loss falls by less than this share of itself over
            `tolerance_window` steps (Ruder et al. 2016: 1e-4 over 50); 0 never ends early.
        tolerance_window: Steps.
        seed: Of the noise.
        temporal: How the frames of a film hold together.
    """

    styles: tuple[StyleSource, ...]
    network: str = "auto"
    network_name: str | None = None
    network_sha256: str | None = None
    form: Form = "relative"
    content_layer: str = CONTENT_LAYER
    content_weight: float = STRENGTHS["normal"]
    style_layers: tuple[str, ...] = STYLE_LAYERS
    layer_weights: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2, 0.2)
    style_weight: float = 1.0
    tv_weight: float = 1.0
    range_weight: float = 100.0
    size: int | str | None = None
    levels: tuple[Level, ...] = DEFAULT_LEVELS
    optimizer: Optimizer = "lbfgs"
    learning_rate: float = 0.05
    init: Init = "content"
    pooling: Pooling = "max"
    padding: Padding = "reflect"
    tolerance: float = 1e-4
    tolerance_window: int = 50
    seed: int = 0
    temporal: Temporal = Temporal()

    def __post_init__(self) -> None:
        _require(bool(self.style_layers), "The recipe names no style layer")
        for layer in (*self.style_layers, self.content_layer):
            _require(
                layer in LAYERS, f"{layer} is no layer of VGG-19", f"Use {LAYERS[0]}…{LAYERS[-1]}"
            )
        _require(
            len(self.layer_weights) == len(self.style_layers),
            f"There are {len(self.layer_weights)} weights for {len(self.style_layers)} layers",
        )
        _require(
            len(set(self.style_layers)) == len(self.style_layers), "A style layer is named twice"
        )
        for name in ("content_weight", "style_weight", "tv_weight", "range_weight", "tolerance"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value >= 0, f"{name} is {value}, not 0 or above")
        _require(
            all(0 <= weight < math.inf for weight in self.layer_weights),
            "A layer weight is below 0, or is no number",
        )
        _require(0 < self.learning_rate < math.inf, "learning_rate is not above 0")
        for name, words in _WORDS.items():
            value = getattr(self, name)
            _require(
                value in get_args(words), f"{name} is {value}, not {' or '.join(get_args(words))}"
            )
        _require(self.tolerance_window >= 1, "tolerance_window is not at least 1")
        named = isinstance(self.size, str) and self.size in FORMATS
        _require(
            self.size is None
            or named
            or (isinstance(self.size, int) and self.size >= SHORTEST_EDGE_PX),
            f"size is {self.size}: neither {SHORTEST_EDGE_PX} or more, nor {', '.join(FORMATS)}",
        )
        edges = [level.long_edge for level in self.levels]
        _require(bool(edges), "The recipe has no levels")
        _require(edges == sorted(set(edges)), "The levels do not grow from coarse to fine")

    def without_names(self) -> "StyleRecipe":
        """The same look, but for what its network and style images are called and come from."""
        styles = tuple(replace(style, name=None, origin=None) for style in self.styles)
        return replace(self, network_name=None, styles=styles)

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values; `from_json` gives the same recipe back.

        `INDEPENDENT` is left out, and name and origin of a style that has none: ledgers hold
        recipes so, and one must always be written the same.
        """
        values = asdict(self)
        for style in values["styles"]:
            for key in ("name", "origin"):
                if style[key] is None:
                    del style[key]
        if self.temporal == INDEPENDENT:
            del values["temporal"]
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StyleRecipe":
        """The recipe that `to_json` wrote.

        Raises:
            ConfigError: It was written by a version with other keys, or was damaged.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise ConfigError(
                f"The frozen recipe has keys this version does not know: {', '.join(unknown)}",
                "Finish the job with the version that queued it, or queue the film again",
            )
        values = dict(data)
        try:
            values["styles"] = tuple(StyleSource(**style) for style in data["styles"])
            for key in ("style_layers", "layer_weights"):
                values[key] = tuple(data[key])
            values["levels"] = tuple(Level(**level) for level in data["levels"])
            temporal = values.get("temporal")
            values["temporal"] = INDEPENDENT if temporal is None else _temporal(temporal)
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ConfigError(
                f"The frozen recipe is not one of this version: {error}",
                "Finish the job with the version that queued it, or queue the film again",
            ) from error


def _temporal(data: Mapping[str, Any]) -> Temporal:
    return Temporal(**{**data, "long_term": tuple(data["long_term"])})


UNPAINTED = StyleRecipe(styles=(), network="none", temporal=INDEPENDENT)
"""Frames go through as they are: for a job whose output is a copy."""
