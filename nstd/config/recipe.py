"""A recipe as it is written down: what becomes a `StyleRecipe`."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    model_validator,
)

from nstd.config.values import (
    ONE_OR_MANY,
    Network,
    Number,
    Section,
    StyleImagePath,
    WholeNumber,
    as_whole_number,
)
from nstd.config.words import did_you_mean, quote
from nstd.errors import ConfigError
from nstd.style.ladder import FORMATS, SHORTEST_EDGE_PX, Level, parse_levels
from nstd.style.recipe import (
    LAYERS,
    STRENGTHS,
    Form,
    Init,
    Optimizer,
    Padding,
    Pooling,
    Strength,
    StyleRecipe,
    StyleSource,
    Temporal,
    TemporalMode,
)

LARGEST_SEED = 2**63 - 1
LONGEST_NAME = 64
LARGEST_EDGE_PX = 65536
MOST_STYLES = 64
"""Each is looked at by the network before painting begins; of so many none is seen any more."""


def _layer(name: str) -> str:
    if name not in LAYERS:
        hint = did_you_mean(name, LAYERS) if name.startswith("conv") else ""
        hint = hint or f"; they are {LAYERS[0]} to {LAYERS[-1]}"
        raise ValueError(f"{quote(name)} is no layer of VGG-19{hint}")
    return name


def _recipe_name(name: str) -> str:
    # It becomes a part of the outputs' names.
    if not name or len(name) > LONGEST_NAME or name.startswith(".") or not name.isprintable():
        raise ValueError(
            f"{quote(name)} cannot name a recipe: 1 to {LONGEST_NAME} printable characters, "
            "none of them “/”, the first not “.”"
        )
    if "/" in name:
        raise ValueError(f"{quote(name)} cannot name a recipe: it contains “/”")
    return name


RecipeName = Annotated[str, AfterValidator(_recipe_name)]
Layer = Annotated[str, AfterValidator(_layer)]
Weight = Annotated[Number, Field(ge=0)]


class StyleImage(Section):
    """One style image.

    Attributes:
        image: The file; written as its path, or as the name of a style that ships.
        weight: Its share among the style images.
        scale: Size at which it is looked at, as a factor of the frame's.
    """

    image: StyleImagePath
    weight: Annotated[Number, Field(gt=0)] = 1.0
    scale: Annotated[Number, Field(ge=0.1, le=10)] = 1.0


class LevelConfig(Section):
    """One rung of the ladder from coarse to fine: pixels of the long edge, and steps."""

    long_edge: Annotated[WholeNumber, Field(ge=SHORTEST_EDGE_PX, le=LARGEST_EDGE_PX)]
    steps: Annotated[WholeNumber, Field(ge=1, le=100_000)]


class TemporalConfig(Section):
    """How the frames of a film hold together; the keys are those of `Temporal`.

    A key that is not given is None here and has `Temporal`'s default.
    """

    mode: TemporalMode | None = None
    weight: Weight | None = None
    long_term: tuple[Annotated[WholeNumber, Field(ge=2, le=1000)], ...] | None = None
    estimator: Annotated[str, Field(min_length=1)] | None = None
    settled: Weight | None = None


def as_size(value: object) -> int | str:
    """A recipe's size: pixels, or a format's name; a ValueError says what is wrong with it."""
    if isinstance(value, str) and value.lower() in FORMATS:
        return value.lower()
    try:
        pixels = as_whole_number(value)
    except ValueError as error:
        raise ValueError(
            f"{quote(value)} is neither pixels of the long edge nor one of {', '.join(FORMATS)}"
        ) from error
    if not SHORTEST_EDGE_PX <= pixels <= LARGEST_EDGE_PX:
        raise ValueError(f"{pixels} is not between {SHORTEST_EDGE_PX} and {LARGEST_EDGE_PX}")
    return pixels


def _temporal(value: object) -> object:
    return {"mode": value} if isinstance(value, str) else value


def _style(value: object) -> object:
    return value if isinstance(value, Mapping | StyleImage) else {"image": value}


def _levels(value: object) -> object:
    if isinstance(value, tuple) and all(isinstance(level, Level) for level in value):
        levels = value
    elif isinstance(value, str):
        try:
            levels = parse_levels(value)
        except ConfigError as error:
            raise ValueError(f"{error.problem}. {error.remedy}") from error
    else:
        return value
    return [{"long_edge": level.long_edge, "steps": level.steps} for level in levels]


def _list_or_mapping(value: object) -> str:
    return "<mapping>" if isinstance(value, Mapping) else "<list>"


LayerWeights = Annotated[
    Annotated[tuple[Weight, ...], Tag("<list>")]
    | Annotated[dict[Layer, Weight], Tag("<mapping>"), Field(min_length=1)],
    Discriminator(_list_or_mapping),
]


class RecipeConfig(Section):
    """A recipe. Its keys are those of `StyleRecipe`, `strength`, and `style` for `styles`.

    A key that is not given is None here and has `StyleRecipe`'s default.
    """

    styles: Annotated[
        tuple[Annotated[StyleImage, BeforeValidator(_style)], ...],
        ONE_OR_MANY,
        Field(
            min_length=1, max_length=MOST_STYLES, validation_alias=AliasChoices("styles", "style")
        ),
    ]
    strength: Strength | None = None
    content_weight: Weight | None = None
    network: Network | None = None
    form: Form | None = None
    content_layer: Layer | None = None
    style_layers: Annotated[tuple[Layer, ...], ONE_OR_MANY, Field(min_length=1)] | None = None
    layer_weights: LayerWeights | None = None
    style_weight: Weight | None = None
    tv_weight: Weight | None = None
    range_weight: Weight | None = None
    size: Annotated[int | str, PlainValidator(as_size)] | None = None
    levels: (
        Annotated[tuple[LevelConfig, ...], BeforeValidator(_levels), Field(min_length=1)] | None
    ) = None
    optimizer: Optimizer | None = None
    learning_rate: Annotated[Number, Field(gt=0)] | None = None
    init: Init | None = None
    pooling: Pooling | None = None
    padding: Padding | None = None
    tolerance: Weight | None = None
    tolerance_window: Annotated[WholeNumber, Field(ge=1)] | None = None
    seed: Annotated[WholeNumber, Field(ge=0, le=LARGEST_SEED)] | None = None
    temporal: Annotated[TemporalConfig, BeforeValidator(_temporal)] | None = None

    @model_validator(mode="after")
    def _keys_agree(self) -> "RecipeConfig":
        if self.strength is not None and self.content_weight is not None:
            raise ValueError("strength and content_weight set the same thing; give one of them")
        if self.strength is not None and self.form == "literal":
            raise ValueError("strength is made for the relative form; give content_weight instead")
        weights, layers = self.layer_weights, self.style_layers
        if isinstance(weights, dict) and layers is not None and set(weights) != set(layers):
            raise ValueError("layer_weights and style_layers name different layers")
        try:
            self.recipe(default_network="any")
        except ConfigError as error:
            raise ValueError(_as_clause(error.problem)) from error
        return self

    def recipe(self, default_network: str) -> StyleRecipe:
        """The look itself; `default_network` is used where the recipe names none.

        Raises:
            ConfigError: Its keys contradict each other. Not after validation.
        """
        known = {field.name for field in fields(StyleRecipe)}
        given = self.model_fields_set & known
        values: dict[str, Any] = {"network": default_network}
        values |= {name: value for name in given if (value := getattr(self, name)) is not None}
        values["styles"] = tuple(
            StyleSource(image=str(style.image), weight=style.weight, scale=style.scale)
            for style in self.styles
        )
        if self.strength is not None:
            values["content_weight"] = STRENGTHS[self.strength]
        if self.levels is not None:
            values["levels"] = tuple(Level(rung.long_edge, rung.steps) for rung in self.levels)
        if self.temporal is not None:
            values["temporal"] = Temporal(**self.temporal.model_dump(exclude_none=True))
        if isinstance(self.layer_weights, dict):
            layers = self.style_layers or tuple(sorted(self.layer_weights, key=LAYERS.index))
            values["style_layers"] = layers
            values["layer_weights"] = tuple(self.layer_weights[layer] for layer in layers)
        elif self.style_layers is not None and self.layer_weights is None:
            count = len(self.style_layers)
            values["layer_weights"] = (1 / count,) * count
        return StyleRecipe(**values)


def _as_clause(sentence: str) -> str:
    """A sentence as it stands after a colon."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]
