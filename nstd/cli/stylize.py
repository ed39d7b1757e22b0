"""`nstd stylize`: one or more films or pictures, right now."""

import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from nstd.cli import completion
from nstd.cli.options import (
    ConfigOption,
    DebugOption,
    DeviceOption,
    Face,
    JsonOption,
    JsonProgressOption,
    QuietOption,
    ThreadsOption,
    configured,
    report,
    with_machine,
)
from nstd.cli.progress import LOADING, reporting
from nstd.config import (
    Config,
    OutputConfig,
    output_from_options,
    reading_from_options,
    recipe_from_options,
    unpainted_from_options,
)
from nstd.errors import UsageError
from nstd.media.write.containers import container_of
from nstd.style.ladder import FORMATS, Level
from nstd.style.recipe import StyleRecipe
from nstd.submit.frames import parse_frames

Command = Callable[..., None]

RECIPE_OPTIONS = {
    "strength": "How far from the film: subtle, normal or strong.",
    "size": "Long edge of the painted film in pixels, or the screen that it fills: "
    f"{', '.join(FORMATS)}. Its own size if not given.",
    "temporal": "flow: frames follow the film's motion; independent: each for itself, which"
    " flickers.",
    "levels": "LONG_EDGE:STEPS from coarse to fine, separated by commas; fewer steps are faster.",
    "network": "Its name (`nstd weights list`), or a weights file.",
    "content_weight": "α: more keeps more of the film; instead of --strength.",
    "content_layer": "The layer whose activations are the content.",
    "style_weight": "β: how much the style counts.",
    "style_layers": "The layers whose statistics are the style, separated by commas.",
    "layer_weights": "One for each style layer, separated by commas.",
    "tv_weight": "τ, total variation: more is smoother.",
    "range_weight": "ρ: keeps colors within what a picture can hold.",
    "form": "relative: weights mean the same at every size and network; literal: the equations of"
    " Gatys et al.",
    "optimizer": "lbfgs or adam.",
    "learning_rate": "Adam's step size.",
    "init": "What the coarsest level starts from: content, style or noise.",
    "pooling": "Of the network: max or average.",
    "padding": "Of the network's convolutions: reflect or replicate.",
    "tolerance": "A level ends when its loss falls by a smaller share than this.",
    "tolerance_window": "Steps over which the fall is measured.",
    "seed": "Of the noise; a whole number.",
}
ENCODING_OPTIONS = {
    "codec": "h264, h265, av1, vp9, prores, dnxhr or ffv1.",
    "quality": "Rate factor on the codec's own scale: 0 is best and largest.",
    "preset": "Speed against size: ultrafast to veryslow.",
    "container": "mp4, mov, mkv or webm; gif, apng or webp; png, tif, exr or jpg for numbered"
    " pictures; that of -o if it names one.",
    "profile": "Of prores (proxy, lt, standard, hq, 4444, 4444xq) or dnxhr (lb, sq, hq, hqx, 444).",
    "encoder": "software, or nvenc: NVIDIA's where it works, which is faster and larger.",
    "depth": "Bits of a color: 8 or 10; ffv1 also has 16.",
    "provenance": "yes or no: the film says how it was painted; see nstd show FILE.",
    "sound": "compatible: what does not play in Chromium and ffmpeg 5.1 is encoded again; copy:"
    " what the container holds stays as it is.",
}
READING_OPTIONS = {
    "reader": "Which library decodes films: opencv, pyav, or auto: OpenCV where its pictures are"
    " PyAV's, else PyAV.",
    "deinterlace": "Of interlaced films: auto makes each frame whole, fields makes a frame of each"
    " field, at twice the rate, off leaves frames as they are.",
    "rate": "Frames per second of numbered images, named as 'shot_%04d.png' or 'shot_*.png': 24,"
    " 23.976, 24000/1001. [25]",
}
EXAMPLES = """Examples:

\b
  nstd stylize film.mp4 --style impasto -o painted.mp4
  nstd stylize film.mp4 --style woodcut --frames 0:2s --size 256 -o try.mp4
  nstd stylize film.mp4 --style a.jpg:2 --style b.jpg:1@1.5 -o painted.mp4
  nstd stylize films/ --recipe night -o painted/
"""
"""Shown below the help."""

LISTS = {"style_layers", "layer_weights"}

Texts = dict[str, str | None]


def _usual(value: object) -> str:
    """A default as it would be given on the command line."""
    if isinstance(value, Level):
        return f"{value.long_edge}:{value.steps}"
    if isinstance(value, tuple):
        return ",".join(_usual(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


USUAL = {
    field.name: _usual(field.default)
    for field in fields(StyleRecipe)
    if field.default not in (MISSING, None)
} | {
    "strength": "normal",
    "temporal": "flow",
    **OutputConfig().model_dump(exclude={"quality", "container"}),
    "reader": "auto",
    "deinterlace": "auto",
}
"""What counts where neither the command nor the configuration says otherwise."""


def _taking(name: str, options: Mapping[str, str], panel: str) -> Callable[[Command], Command]:
    """Let a command take an option for each key; it is handed them together, as argument `name`.

    All are texts, whatever the key: the configuration's own checks say what is wrong with them.
    """

    def decorate(command: Command) -> Command:
        def wrapped(**given: Any) -> None:
            texts: Texts = {key: given.pop(key) for key in options}
            command(**given, **{name: texts})

        own = dict(inspect.signature(command).parameters)
        parameters: dict[str, inspect.Parameter] = {}
        while (before := next(iter(own))) != name:
            parameters[before] = own.pop(before)
        del own[name]
        for key, text in options.items():
            flag = "--" + key.replace("_", "-")
            usual = f" [{USUAL[key]}]" if key in USUAL else ""
            option = typer.Option(
                flag,
                help=text + usual,
                rich_help_panel=panel,
                show_default=False,
                autocompletion=completion.values_of(key),
            )
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters[key] = inspect.Parameter(
                key, kind, default=None, annotation=Annotated[str | None, option]
            )
        parameters |= own  # in the place of `name`, for help's sake
        wrapped.__doc__ = command.__doc__
        wrapped.__annotations__ = {key: one.annotation for key, one in parameters.items()}
        wrapped.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters.values()]
        )
        return wrapped

    return decorate


@_taking("reading", READING_OPTIONS, "Reading")
@_taking("encoding", ENCODING_OPTIONS, "Encoding")
@_taking("look", RECIPE_OPTIONS, "Look, instead of what --recipe or the defaults say")
def stylize_command(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Films, pictures, or folders of them (without the folders within).",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file for one input, or a folder; one that is not there ends in a slash.",
        ),
    ],
    look: Texts,
    encoding: Texts,
    reading: Texts,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            metavar="IMAGE[:WEIGHT][@SCALE]",
            autocompletion=completion.styles,
            help="A picture, or one of `nstd styles`. Several are blended by weight (1 if not"
            " given). SCALE is the size at which it is looked at, 0.1 to 10: more makes larger"
            " strokes.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            "-r",
            help="A recipe of the configuration.",
            autocompletion=completion.recipes,
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="PAINTED",
            help="Paint as this film or picture was painted, which nstd made; instead of --recipe.",
        ),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="A:B",
            help="Only the frames from A up to before B, counted from 0, or seconds as in"
            " 1.5s:4s. Either may be left out.",
        ),
    ] = None,
    sequence: Annotated[
        bool,
        typer.Option("--sequence", help="The numbered images in a folder are one film."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that is there.")
    ] = False,
    accept_truncated: Annotated[
        bool,
        typer.Option("--accept-truncated", help="Paint what is there of a film that is cut off."),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Refuse a film of which anything but its look would be lost."
        ),
    ] = False,
    copy: Annotated[
        bool, typer.Option("--copy", help="Paint nothing: to see what is kept of a film.")
    ] = False,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    json_progress: JsonProgressOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Paint films and pictures.

    Stop it with Ctrl-C: the same command goes on where it stopped, and leaves what is finished.
    """
    face = Face(debug, json, quiet, json_progress)
    settings = configured(config, face, level="warning", needed=recipe is not None)
    settings = with_machine(settings, device, threads)
    if copy:
        _require_unpainted({"recipe": recipe, "like": like, **_keys(look, style)})
        painted_as = unpainted_from_options(look["size"])
    else:
        painted_as = _recipe(settings, recipe, like, _keys(look, style))
    encoded_as = _output(settings, output, encoding)
    wanted = parse_frames(frames)
    if sequence:
        from nstd.media.numbered import pattern_in

        inputs = [pattern_in(path) if path.is_dir() else path for path in inputs]
    from nstd.submit.freeze import ENCODER_THREADS
    from nstd.submit.output import OutputSpec
    from nstd.submit.pairs import pair

    spec = OutputSpec(
        encode=encoded_as.settings(ENCODER_THREADS),
        segment_frames=settings.segment_frames,
        accept_truncated=accept_truncated or settings.accept_truncated,
        strict=strict or settings.strict,
        overwrite=overwrite,
        copy=copy,
        limits=settings.limits_of(),
        reading=reading_from_options(settings, reading),
    )
    pair(inputs, output, spec, wanted)  # what is wrong with them shows before anything is loaded
    with reporting(face) as reporter:
        reporter.doing(LOADING)
        from nstd.work.stylize import Wanted, stylize

        results = stylize(settings, inputs, Wanted(painted_as, spec, wanted), output, reporter)
    report(results, face, lambda _: recipe)


def _recipe(
    config: Config, name: str | None, like: Path | None, keys: dict[str, Any]
) -> StyleRecipe:
    """The recipe that is named, or that a painted file tells of, with the options' keys."""
    from nstd.submit.provenance import read_note, recipe_of_note, with_names_of

    if like is None:
        return recipe_from_options(config, name=name, overrides=keys)
    if name is not None:
        raise UsageError("--recipe and --like both name a recipe", "Give one of them")
    note = read_note(like)
    if note is None:
        raise UsageError(
            f"{like} does not say how it was painted",
            "Name a film or picture that nstd has made, or a style with --style",
        )
    begun = recipe_of_note(note, like.name, config, keys)
    recipe = recipe_from_options(config, name=None, overrides=keys, like=begun)
    return with_names_of(recipe, note)


def _keys(look: Texts, styles: list[str] | None) -> dict[str, Any]:
    """The recipe's keys as the configuration would have them."""
    keys: dict[str, Any] = dict(look)
    for name in LISTS:
        text = look[name]
        keys[name] = None if text is None else [part.strip() for part in text.split(",")]
    keys["styles"] = None if not styles else [parse_style(text) for text in styles]
    return keys


def _require_unpainted(keys: Mapping[str, Any]) -> None:
    """Of what a look is made of, only the size means something where nothing is painted."""
    given = [key for key, value in keys.items() if value is not None and key != "size"]
    if given:
        option = {"styles": "--style"}.get(given[0], "--" + given[0].replace("_", "-"))
        raise UsageError(f"--copy paints nothing, and {option} says how", "Leave out one of them")


def parse_style(text: str) -> dict[str, Any]:
    """`IMAGE[:WEIGHT][@SCALE]`; a file whose name ends that way is taken as it is."""
    marks = {":": "weight", "@": "scale"}
    found: dict[str, Any] = {}
    while not os.path.exists(text):  # noqa: PTH110 - Path.exists raises for a name too long
        match = re.fullmatch(r"(.+)([:@])([0-9.eE+-]+)", text)
        if match is None or marks[match[2]] in found:
            break
        text = match[1]
        found[marks[match[2]]] = match[3]
    return {"image": text} | found


def _output(config: Config, output: str, options: dict[str, str | None]) -> OutputConfig:
    """The configuration's encoding with the options', and the container that -o names."""
    named = None if output.endswith("/") else container_of(Path(output).suffix)
    if options["container"] is None and named:
        options = options | {"container": named.name}
        if options["codec"] is None and named.codecs and config.output.codec not in named.codecs:
            options["codec"] = named.codecs[0]
    return output_from_options(config, options)
