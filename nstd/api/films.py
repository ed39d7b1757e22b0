"""`nstd.stylize`: a film or a picture, from a file into a file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from nstd.api.progress import OnProgress
from nstd.api.recipes import (
    ENCODING,
    LOOK,
    READING,
    SETTINGS,
    Style,
    configured,
    look_of,
    path_given,
    require_known,
)
from nstd.api.running import CallerObserver, run
from nstd.config import Config, output_from_options, reading_from_options
from nstd.config.faults import shown_path
from nstd.config.values import as_switch
from nstd.errors import UsageError
from nstd.media.names import is_numbered, kind_of
from nstd.media.numbered import stem_of
from nstd.style.recipe import StyleRecipe
from nstd.submit.frames import parse_frames
from nstd.submit.freeze import named_output
from nstd.submit.names import output_extension
from nstd.submit.output import OutputSpec
from nstd.work.result import Result
from nstd.work.stylize import Wanted
from nstd.work.stylize import stylize as paint_files

HOUSE = ("state_dir", "segment_frames", "accept_truncated", "strict")
"""Keys of the configuration that may be given besides."""

OPTIONS = (*LOOK, *ENCODING, *READING, *SETTINGS, *HOUSE, "frames", "overwrite")


def stylize(
    source: str | PathLike[str],
    *,
    output: str | PathLike[str] | None = None,
    style: Style | Sequence[Style] | None = None,
    recipe: StyleRecipe | str | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Result:
    """Paint a film or a picture; the same as the command `nstd stylize`.

    What is interrupted or killed goes on where it stopped when the same is asked for again, by this
    function or the command; what is finished is left as it is. Needs no daemon, and leaves the
    caller's logging and signal handlers alone.

    Args:
        source: A film, a picture, or numbered images as `shot_%04d.png`.
        output: The file it becomes, or a folder: one that is there, or a name that ends in "/".
            None: beside the source, as `NAME-painted` with a suffix of its own.
        style: As `nstd.recipe` has it.
        recipe: The whole look instead of `style` and a recipe's keys; or the name of a recipe of
            the configuration, with which these may be given.
        on_progress: Called in the calling thread with a `Progress` after each step and frame. What
            it raises ends painting at the next step, and is raised here.
        **options: The other options of `nstd stylize`, as docs/python.md lists them: keys of a
            recipe (`strength`, `size`…), of the output (`codec`, `quality`…) and of reading
            (`deinterlace`…); `frames`, `overwrite`, `accept_truncated`, `strict`; `device`,
            `threads`, `config`, `state_dir`, `cache_dir`, `segment_frames`.

    Returns:
        What became of it; its `error` is None.

    Raises:
        UsageError: An option is unknown or wrong, there is no such source, or the output is there
            already.
        InputError: The source is there and cannot be used.
        NstdError: Anything else that `nstd.errors` lists.
        KeyboardInterrupt: The user interrupted it; what is painted is kept.
    """
    require_known(options, OPTIONS)
    config = configured(options, HOUSE)
    look = look_of(config, style, recipe, {key: options.get(key) for key in LOOK})
    path = Path(path_given("source", source))
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "Name one film or picture in it")
    destination = None if output is None else path_given("output", output)
    spec = _spec(config, destination, options)
    frames = parse_frames(_frames(options.get("frames")))
    target = _beside(path, spec) if destination is None else destination

    def work(observer: CallerObserver) -> list[Result]:
        return paint_files(config, [path], Wanted(look, spec, frames), target, observer)

    (result,) = run(work, on_progress)
    if result.error is not None:
        raise result.error
    return result


def _spec(config: Config, output: str | None, options: Mapping[str, Any]) -> OutputSpec:
    """How the film is read, cut, encoded and published."""
    encoding = {key: options.get(key) for key in ENCODING}
    reading = {key: options.get(key) for key in READING}
    spec = named_output(
        config,
        output_from_options(config, encoding, shown_path, output=output),
        reading_from_options(config, reading, shown_path),
    )
    if (overwrite := options.get("overwrite")) is None:
        return spec
    try:
        return replace(spec, overwrite=as_switch(overwrite))
    except ValueError as error:
        raise UsageError(f"overwrite: {error}", "Give True or False") from error


def _frames(given: object) -> str | None:
    if given is None or isinstance(given, str):
        return given
    raise UsageError(
        f"frames: an object of type {type(given).__name__} is no range",
        'Give a text, as in "0:100"',
    )


def _beside(source: Path, spec: OutputSpec) -> Path:
    """Where a painted file goes if nobody says so."""
    stem = stem_of(source) if is_numbered(source) else source.stem
    extension = output_extension(source, spec.encode)
    if spec.encode.numbered and not kind_of(source).still:
        extension = f"%06d.{spec.encode.pictures}"
    return source.with_name(f"{stem}-painted.{extension}")
