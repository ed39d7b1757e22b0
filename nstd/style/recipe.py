"""What a look is: every choice that changes the picture, in one frozen value. No torch here.

Every key of a recipe is written once, here: a field with a `Key` is one that config.yaml, sidecars,
notes and the options of `nstd stylize` have, with the range that its annotation gives. A field that
is added needs a value for recipes that were frozen before: `Absent`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len

from nstd.errors import ConfigError
from nstd.style.keys import VALUE_REMEDY, Absent, Key, OneOf, from_values, require_valid, to_values
from nstd.style.ladder import (
    DEFAULT_LEVELS,
    FORMATS,
    LONGEST_EDGE_PX,
    SHORTEST_EDGE_PX,
    Level,
)

Form = Literal["relative", "literal"]
Optimizer = Literal["lbfgs", "adam"]
Init = Literal["content", "style", "noise"]
Pooling = Literal["max", "average"]
Padding = Literal["reflect", "replicate"]
Strength = Literal["subtle", "normal", "strong"]
TemporalMode = Literal["flow", "independent"]

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

MOST_STYLES = 64
"""The network looks at each before painting begins; in a blend of more, none could be told."""

LARGEST_SEED = 2**63 - 1
"""torch's generators take no larger one."""

_REMEDY = "Finish the job with the version that queued it, or queue the film again"

Layer = Annotated[str, OneOf(LAYERS, "layer of VGG-19")]
Weight = Annotated[float, Ge(0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleSource:
    """One style image of a recipe."""

    image: Annotated[str, Key()]
    """Path of the file."""
    weight: Annotated[float, Key(), Gt(0)] = 1.0
    """Its share in the blend of the style images' statistics; shares are normalized."""
    scale: Annotated[float, Key(), Ge(0.1), Le(10)] = 1.0
    """Long edge at which it is looked at, as a factor of the level's long edge. Larger makes larger
    strokes."""
    sha256: str | None = None
    """Hash of the file, once it is frozen into a job."""
    name: Annotated[str | None, Absent(None)] = None
    """What it was called before: a frozen file is called by its hash. For people alone."""
    origin: Annotated[str | None, Absent(None)] = None
    """Where it was frozen from: it is copied again from there if it is damaged."""

    def __post_init__(self) -> None:
        require_valid(self, f"The style {self.image}: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporal:
    """How the frames of a film hold together."""

    mode: Annotated[TemporalMode, Key()] = "flow"
    """flow: each frame is painted from the ones before it in its shot, warped along the optical
    flow; independent: each is painted from its own content alone."""
    weight: Annotated[Weight, Key()] = 3.0
    """γ: the weight of the mean squared difference from the warped earlier frames. With 0, painting
    still starts from these frames."""
    long_term: Annotated[tuple[Annotated[int, Ge(2), Le(1000)], ...], Key()] = ()
    """Distances in frames, above 1, of further earlier frames that a frame is painted from."""
    estimator: Annotated[str, Key(), Len(1)] = "dis"
    """What finds the flow: "dis", "raft", or an estimator that another package brings."""
    settled: Annotated[Weight, Key()] = 0.05
    """A later frame ends when its loss is at most this share above the one that the shot's first
    frame ended with, or has almost stopped falling. With 0 it takes all its steps."""

    def __post_init__(self) -> None:
        require_valid(self, "temporal: ")
        if list(self.long_term) != sorted(set(self.long_term)):
            raise ConfigError("temporal: long_term is no list of growing distances", VALUE_REMEDY)

    @property
    def distances(self) -> tuple[int, ...]:
        """All distances of the earlier frames that a frame is painted from, the closest first."""
        return (1, *self.long_term) if self.mode == "flow" else ()

    @property
    def reach(self) -> int:
        """How many frames back the farthest of these lies; 0 if there are none."""
        return max(self.distances, default=0)


INDEPENDENT = Temporal(mode="independent")
"""Each frame for itself: a frozen recipe that says nothing of `temporal` means this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleRecipe:
    """A look. The same recipe, source, plan and device kind give the same bytes."""

    styles: Annotated[tuple[StyleSource, ...], Key(), Len(0, MOST_STYLES)]
    """The style images, blended by weight; none where nothing is painted (`UNPAINTED`)."""
    size: Annotated[
        int | str | None,
        Key(
            "Long edge of the painted film in pixels, or the screen that it fills: "
            f"{', '.join(FORMATS)}. Its own size if not given."
        ),
    ] = None
    """A picture painted at 256 px is the coarsest level of the same picture at 1024 px."""
    temporal: Annotated[
        Temporal,
        Key("flow: frames follow the film's motion; independent: each for itself, which flickers."),
        Absent(INDEPENDENT),
    ] = Temporal()
    levels: Annotated[
        tuple[Level, ...],
        Key("LONG_EDGE:STEPS from coarse to fine, separated by commas; fewer steps are faster."),
        Len(1),
    ] = DEFAULT_LEVELS
    """The ladder; see `plan_levels`."""
    network: Annotated[str, Key("Its name (`nstd weights list`), or a weights file.")] = "auto"
    network_name: str | None = None
    """What it was called before it was frozen into a job by content."""
    network_sha256: str | None = None
    """Hash of the weights file, once it is frozen into a job."""
    content_weight: Annotated[
        Weight, Key("α: more keeps more of the film; instead of --strength.")
    ] = STRENGTHS["normal"]
    content_layer: Annotated[Layer, Key("The layer whose activations are the content.")] = (
        CONTENT_LAYER
    )
    style_weight: Annotated[Weight, Key("β: how much the style counts.")] = 1.0
    style_layers: Annotated[
        tuple[Layer, ...],
        Key("The layers whose statistics are the style, separated by commas."),
        Len(1),
    ] = STYLE_LAYERS
    layer_weights: Annotated[
        tuple[Weight, ...], Key("w_l, one for each style layer, separated by commas.")
    ] = (0.2, 0.2, 0.2, 0.2, 0.2)
    tv_weight: Annotated[Weight, Key("τ, total variation: more is smoother.")] = 1.0
    """Of the mean squared difference between neighboring pixels."""
    range_weight: Annotated[Weight, Key("ρ: keeps colors within what a picture can hold.")] = 100.0
    """Of the mean squared excess over [0, 1]."""
    form: Annotated[
        Form,
        Key(
            "relative: weights mean the same at every size and network; literal: the equations of"
            " Gatys et al."
        ),
    ] = "relative"
    """Relative divides each term by its target's own squared norm; literal is Gatys et al. 2016,
    equations 1 to 7."""
    optimizer: Annotated[Optimizer, Key("lbfgs or adam.")] = "lbfgs"
    learning_rate: Annotated[
        float, Key("Adam's step size, in units of the pixel range [0, 1]."), Gt(0)
    ] = 0.05
    init: Annotated[Init, Key("What the coarsest level starts from: content, style or noise.")] = (
        "content"
    )
    pooling: Annotated[Pooling, Key("Of the network: max (as trained) or average.")] = "max"
    padding: Annotated[Padding, Key("Of the network's convolutions: reflect or replicate.")] = (
        "reflect"
    )
    """Zeros would paint a border."""
    tolerance: Annotated[
        Weight,
        Key(
            "A level ends early when its loss falls by a smaller share than this over"
            " --tolerance-window steps; 0 never ends it early."
        ),
    ] = 1e-4
    """Ruder et al. 2016: 1e-4 over 50."""
    tolerance_window: Annotated[int, Key("Steps over which the fall is measured."), Ge(1)] = 50
    seed: Annotated[int, Key("Of the noise; a whole number."), Ge(0), Le(LARGEST_SEED)] = 0

    def __post_init__(self) -> None:
        require_valid(self)
        if len(self.layer_weights) != len(self.style_layers):
            raise ConfigError(
                f"layer_weights: there are {len(self.layer_weights)} weights"
                f" for {len(self.style_layers)} layers",
                VALUE_REMEDY,
            )
        if len(set(self.style_layers)) < len(self.style_layers):
            raise ConfigError("style_layers: a style layer is named twice", VALUE_REMEDY)
        edges = [level.long_edge for level in self.levels]
        if edges != sorted(set(edges)):
            raise ConfigError("levels: the levels do not grow from coarse to fine", VALUE_REMEDY)
        size = self.size
        pixels = isinstance(size, int) and SHORTEST_EDGE_PX <= size <= LONGEST_EDGE_PX
        if size is not None and not pixels and size not in FORMATS:
            raise ConfigError(
                f"size is {size}: neither {SHORTEST_EDGE_PX} to {LONGEST_EDGE_PX} px,"
                f" nor one of {', '.join(FORMATS)}",
                VALUE_REMEDY,
            )

    def without_names(self) -> "StyleRecipe":
        """The same look, but for what its network and style images are called and come from."""
        styles = tuple(replace(style, name=None, origin=None) for style in self.styles)
        return replace(self, network_name=None, styles=styles)

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values; `from_json` gives the same recipe back."""
        return to_values(self)

    @classmethod
    def from_json(cls, data: object) -> "StyleRecipe":
        """The recipe that `to_json` wrote.

        Raises:
            ConfigError: It was written by a version with other keys, or was damaged; or it is no
                dictionary.
        """
        if not isinstance(data, Mapping):
            raise ConfigError(
                f"An object of type {type(data).__name__} is no recipe: that is a dictionary,"
                " as to_json gives it",
                "Give one; what is JSON as a text becomes one by json.loads",
            )
        try:
            return from_values(cls, data)
        except KeyError as error:
            problem = f"The frozen recipe has keys this version does not know: {error.args[0]}"
            raise ConfigError(problem, _REMEDY) from error
        except (AttributeError, TypeError) as error:
            problem = f"The frozen recipe is not one of this version: {error}"
            raise ConfigError(problem, _REMEDY) from error


UNPAINTED = StyleRecipe(styles=(), network="none", temporal=INDEPENDENT)
"""Frames go through as they are: for a job whose output is a copy."""
