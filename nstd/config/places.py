"""Where films come from and go to: watched folders and batch entries."""

import glob
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)

from nstd.config.limits import LimitsOverride
from nstd.config.output import OutputOverride
from nstd.config.reading import ReadingOverride
from nstd.config.values import ONE_OR_MANY, FolderPath, Section, Switch, Text, WholeNumber, as_path
from nstd.config.words import did_you_mean, quote

HIGHEST_PRIORITY = 1_000_000
TEMPLATE_VARIABLES = ("stem", "recipe", "ext", "suffix", "folder")
_NAME_MAX = 255
"""The longest name that file systems allow, in bytes."""


def output_name(
    template: str, *, stem: str, recipe: str, ext: str, suffix: str, folder: str = ""
) -> str:
    """The name of an output, from the template of a folder or batch entry.

    Args:
        template: `FolderConfig.name` or `BatchConfig.name`.
        stem: Name of the film without its extension, or another that sets it apart.
        recipe: Name of the recipe.
        ext: Extension of the output, without its dot.
        suffix: Extension of the film, without its dot.
        folder: Name of the folder that the film lies in.

    Returns:
        The name; where it would be longer than file systems take, the stem is cut, and then the
        folder, and a hash takes the place of what is missing.
    """

    def named(stem: str, folder: str) -> str:
        return template.format(stem=stem, recipe=recipe, ext=ext, suffix=suffix, folder=folder)

    name, kept, inside = named(stem, folder), stem, folder
    mark = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}"
    while (kept or inside) and len(os.fsencode(name)) > _NAME_MAX:
        # Cut by characters, so that none is split.
        kept, inside = (kept[:-1], inside) if kept else (kept, inside[:-1])
        name = named(kept + mark, inside)
    return name


def _template(template: str) -> str:
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{quote(template)} has an unpaired brace") from error
    for _, variable, form, conversion in parts:
        if variable is None:
            continue
        if variable not in TEMPLATE_VARIABLES:
            hint = did_you_mean(variable, TEMPLATE_VARIABLES)
            raise ValueError(f"{{{variable}}} is no variable of a name{hint}")
        if form or conversion:
            raise ValueError(f"{{{variable}}} takes no “:” and no “!”")
    if "/" in template or "\0" in template:
        raise ValueError(f"{quote(template)} is not the name of a file: it contains “/”")
    if template.startswith("."):
        raise ValueError(f"{quote(template)} makes hidden files")
    if "{stem}" not in template or not template.endswith(".{ext}"):
        raise ValueError(f"{quote(template)} must contain {{stem}} and end in .{{ext}}")
    return template


def _usual_template(data: dict[str, Any]) -> str:
    return "{stem}.{ext}" if len(data.get("recipes", ())) < 2 else "{stem}.{recipe}.{ext}"


def _plain_name(name: str) -> str:
    if "/" in name or "\0" in name or name in {".", ".."}:
        raise ValueError(f"{quote(name)} is not a plain file name")
    return name


def _name_globs(globs: tuple[str, ...]) -> tuple[str, ...]:
    for each in globs:
        if "/" in each:
            raise ValueError(f"{quote(each)} contains “/”, but is compared with names alone")
    return globs


def _absolute_glob(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"{quote(value)} is not a path")
    text = str(value)
    first, slash, rest = text.partition("/")
    if first.startswith("~"):
        return glob.escape(str(as_path(first, info))) + slash + rest
    if text.startswith("/"):
        return text
    return f"{glob.escape(str(as_path('.', info)))}/{text.removeprefix('./')}"


def _originals(value: object) -> object:
    if value == "move":
        raise ValueError("“move” needs a folder to move to, as in {move: FOLDER}")
    if not isinstance(value, Mapping | Section) and value not in ("keep", "delete"):
        raise ValueError(f"{quote(value)} is not keep, delete or {{move: FOLDER}}")
    return value


def _word_or_move(value: object) -> str:
    return "<move>" if isinstance(value, Mapping | Section) else "<word>"


Marker = Annotated[Text, AfterValidator(_plain_name)]


class MoveOriginals(Section):
    """What to do with an original once its film is painted: move it to this folder.

    Attributes:
        move: The folder.
        marker: Name of a file in it whose absence means that its disk is gone, or None.
    """

    move: FolderPath
    marker: Marker | None = None


Originals = Annotated[
    Annotated[Literal["keep", "delete"], Tag("<word>")] | Annotated[MoveOriginals, Tag("<move>")],
    Discriminator(_word_or_move),
    BeforeValidator(_originals),
]
Names = Annotated[tuple[Text, ...], ONE_OR_MANY, Field(min_length=1)]
Recipes = Annotated[Names, Field(validation_alias=AliasChoices("recipes", "recipe"))]
Template = Annotated[Text, AfterValidator(_template)]


class EntryConfig(Section):
    """What watched folders and batch entries have in common.

    Attributes:
        output: The folder the painted films go to.
        output_marker: Name of a file in that folder whose absence means that its disk is gone, or
            None.
        recipes: Names of the looks each film is painted in.
        name: Template of the outputs' names.
        overwrite: Whether an output that exists already is replaced.
        encode: What is encoded otherwise than `Config.output` says.
        reading: What is read otherwise than `Config.reading` says.
        limits: What is limited otherwise than `Config.limits` says.
        accept_truncated: As `Config.accept_truncated`, for these films; None for what that says.
        strict: As `Config.strict`, for these films; None for what that says.
        priority: Of its jobs; higher is sooner.
        sidecars: Which files the sidecars of these films may name: "beside", below their own
            folder, or "anywhere".
    """

    output: FolderPath
    output_marker: Marker | None = None
    recipes: Recipes
    name: Template = Field(default_factory=_usual_template)
    overwrite: Switch = False
    encode: OutputOverride | None = None
    reading: ReadingOverride | None = None
    limits: LimitsOverride | None = None
    accept_truncated: Switch | None = None
    strict: Switch | None = None
    priority: Annotated[WholeNumber, Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)] = 0
    sidecars: Literal["beside", "anywhere"] = "beside"

    @model_validator(mode="after")
    def _names_differ(self) -> Any:
        if len(set(self.recipes)) < len(self.recipes):
            raise ValueError("a recipe is named twice")
        if len(self.recipes) > 1 and "{recipe}" not in self.name:
            raise ValueError(
                f"with several recipes the name needs {{recipe}}, and {quote(self.name)} has none"
            )
        return self


class FolderConfig(EntryConfig):
    """A watched folder.

    Attributes:
        watch: The folder.
        recursive: Whether the folders in it are watched too; outputs mirror them.
        pattern: Globs of the names that count, or None for all media.
        exclude: Globs of names, of files and of folders, that do not count.
        originals: "keep", "delete" or `MoveOriginals`; only once the output is verified.
        marker: Name of a file in the folder whose absence means that the mount is gone, or None.
    """

    watch: FolderPath
    recursive: Switch = True
    pattern: Annotated[Names, AfterValidator(_name_globs)] | None = None
    exclude: Annotated[tuple[Text, ...], ONE_OR_MANY, AfterValidator(_name_globs)] = ()
    originals: Originals = "keep"
    marker: Marker | None = None


class BatchConfig(EntryConfig):
    """What `nstd batch` paints besides the watched folders.

    Attributes:
        input: Globs of the films, absolute; `**` is any number of folders.
        sequence: They find folders, in each of which numbered images are one film.
    """

    input: Annotated[
        tuple[Annotated[str, BeforeValidator(_absolute_glob)], ...],
        ONE_OR_MANY,
        Field(min_length=1),
    ]
    sequence: Switch = False
