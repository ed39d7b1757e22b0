"""A recipe in the configuration, which becomes a `StyleRecipe`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

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

from nstd.config.keys import HeldSection
from nstd.config.values import (
    ONE_OR_MANY,
    PARTED,
    KeyFaultError,
    NetworkName,
    Number,
    StyleImagePath,
    as_whole_number,
    one_of,
)
from nstd.config.words import as_clause, quote
from nstd.errors import ConfigError
from nstd.style.ladder import FORMATS, LONGEST_EDGE_PX, SHORTEST_EDGE_PX, Level, parse_levels
from nstd.style.recipe import (
    LAYERS,
    MOST_STYLES,
    STRENGTHS,
    Strength,
    StyleRecipe,
    StyleSource,
    Temporal,
)

if TYPE_CHECKING:  # a type checker sees only the declared keys, not the generated ones
    _StyleKeys = HeldSection
    _LevelKeys = HeldSection
    _TemporalKeys = HeldSection
    _RecipeKeys = HeldSection
else:
    _StyleKeys = HeldSection.of(StyleSource)
    _LevelKeys = HeldSection.of(Level)
    _TemporalKeys = HeldSection.of(Temporal)
    _RecipeKeys = HeldSection.of(StyleRecipe)

LONGEST_NAME = 64


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


class StyleConfig(_StyleKeys):
    """One style image; its image is a path, or the name of a style that ships."""

    image: StyleImagePath


class LevelConfig(_LevelKeys):
    """One rung of the ladder from coarse to fine: pixels of the long edge, and steps."""


class TemporalConfig(_TemporalKeys):
    """How the frames of a film hold together; in one word that is the mode."""


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
    if not SHORTEST_EDGE_PX <= pixels <= LONGEST_EDGE_PX:
        raise ValueError(f"{pixels} is not between {SHORTEST_EDGE_PX} and {LONGEST_EDGE_PX}")
    return pixels


def _temporal(value: object) -> object:
    return {"mode": value} if isinstance(value, str) else value


def _style(value: object) -> object:
    return value if isinstance(value, Mapping | StyleConfig) else {"image": value}


def _levels(value: object) -> object:
    """Levels as mappings, of texts and of levels that are."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        given = [given]
    return [_level(one) for one in given]


def _level(value: object) -> object:
    if isinstance(value, Mapping | LevelConfig):
        return value
    if isinstance(value, str) and "," not in value:
        try:
            (value,) = parse_levels(value)
        except ConfigError as error:
            raise ValueError(as_clause(error.problem)) from error
    if isinstance(value, Level):
        return {"long_edge": value.long_edge, "steps": value.steps}
    raise ValueError(f"{quote(value)} is no level; write LONG_EDGE:STEPS, as in 256:80")


def _list_or_mapping(value: object) -> str:
    return "<mapping>" if isinstance(value, Mapping) else "<list>"


_Layer = Annotated[str, one_of(LAYERS, "layer of VGG-19")]
_Weight = Annotated[Number, Field(ge=0)]
LayerWeights = Annotated[
    Annotated[tuple[_Weight, ...], PARTED, Tag("<list>")]
    | Annotated[dict[_Layer, _Weight], Tag("<mapping>"), Field(min_length=1)],
    Discriminator(_list_or_mapping),
]


class RecipeConfig(_RecipeKeys):
    """A recipe. Its keys are those of `StyleRecipe`, `strength`, and `style` for `styles`."""

    styles: Annotated[
        tuple[Annotated[StyleConfig, BeforeValidator(_style)], ...],
        ONE_OR_MANY,
        Field(
            min_length=1, max_length=MOST_STYLES, validation_alias=AliasChoices("styles", "style")
        ),
    ]
    strength: Strength | None = Field(
        default=None,
        description="How far from the film: subtle, normal or strong.",
    )
    size: Annotated[int | str, PlainValidator(as_size)] | None = None
    temporal: Annotated[TemporalConfig, BeforeValidator(_temporal)] | None = None
    levels: (
        Annotated[tuple[LevelConfig, ...], BeforeValidator(_levels), Field(min_length=1)] | None
    ) = None
    network: NetworkName | None = None
    layer_weights: LayerWeights | None = None

    @model_validator(mode="after")
    def _keys_agree(self) -> "RecipeConfig":
        try:
            self.recipe(default_network="any")
        except ConfigError as error:
            key, colon, problem = error.problem.partition(": ")
            if colon and key in type(self).model_fields:
                raise KeyFaultError(key, problem) from error
            raise ValueError(as_clause(error.problem)) from error
        return self

    def recipe(self, default_network: str) -> StyleRecipe:
        """The look itself; `default_network` is used where the recipe names none.

        Raises:
            ConfigError: Its keys contradict each other. Not after validation.
        """
        values = {"network": default_network} | self.given()
        if (strength := values.pop("strength", None)) is not None:
            if "content_weight" in values:
                raise ConfigError(
                    "strength: strength and content_weight set the same thing; give one of them"
                )
            if values.get("form") == "literal":
                raise ConfigError(
                    "form: strength is made for the relative form; give content_weight instead"
                )
            values["content_weight"] = STRENGTHS[strength]
        weights, layers = self.layer_weights, values.get("style_layers")
        if isinstance(weights, dict):
            if layers is not None and set(weights) != set(layers):
                raise ConfigError(
                    "layer_weights: layer_weights and style_layers name different layers"
                )
            layers = layers or tuple(sorted(weights, key=LAYERS.index))
            values["style_layers"] = layers
            values["layer_weights"] = tuple(weights[layer] for layer in layers)
        elif layers is not None and weights is None:
            values["layer_weights"] = (1 / len(layers),) * len(layers)
        return StyleRecipe(**values)
