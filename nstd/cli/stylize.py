"""`nstd stylize`: one or more films or pictures, right now."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from nstd.cli.options import (
    ConfigOption,
    DebugOption,
    DeviceOption,
    Face,
    JsonOption,
    QuietOption,
    ThreadsOption,
    configured,
    report,
    with_machine,
)
from nstd.cli.progress import reporting
from nstd.config import Config, OutputConfig, output_from_options, recipe_from_options
from nstd.errors import UsageError
from nstd.style.recipe import Level, StyleRecipe

Command = Callable[..., None]

RECIPE_OPTIONS = {
    "network": "Its name, or weights file.",
    "strength": "subtle, normal or strong.",
    "content_weight": "α: more keeps more of the content; instead of --strength.",
    "content_layer": "Whose activations are the content.",
    "style_weight": "β: more style, for the content's weight.",
    "style_layers": "Whose statistics are the style, separated by commas.",
    "layer_weights": "One for each style layer, separated by commas.",
    "tv_weight": "τ, of smoothness.",
    "range_weight": "ρ, of staying in [0, 1].",
    "form": "What weights are of: relative to the picture's own size and network, or the literal"
    " equations of Gatys et al.",
    "size": "Long edge of the painted picture, in pixels.",
    "levels": "LONG_EDGE:STEPS, coarse to fine, separated by commas.",
    "optimizer": "lbfgs or adam.",
    "learning_rate": "Adam's.",
    "init": "content, style or noise.",
    "pooling": "max or average.",
    "padding": "reflect or replicate.",
    "tolerance": "A level ends when its loss falls by a smaller share.",
    "tolerance_window": "Steps that the fall is measured over.",
    "seed": "Of the noise.",
    "temporal": "flow; or independent: each frame for itself, which flickers.",
}
ENCODING_OPTIONS = {
    "codec": "h264, h265, av1, prores or ffv1.",
    "quality": "On the codec's scale; 0 is best.",
    "preset": "ultrafast to veryslow.",
    "container": "mp4, mov or mkv.",
}
LISTS = {"style_layers", "layer_weights"}

Texts = dict[str, str | None]


def _usual(value: object) -> str:
    """A default as it would be given on the command line."""
    if isinstance(value, Level):
        return f"{value.long_edge}:{value.steps}"
    if isinstance(value, tuple):
        return ",".join(_usual(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


USUAL = {
    field.name: _usual(field.default)
    for field in fields(StyleRecipe)
    if field.default not in (MISSING, None)
} | {
    "strength": "normal",
    "temporal": "flow",
    **OutputConfig().model_dump(include={"codec", "preset"}),
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

        parameters = dict(inspect.signature(command).parameters)
        del parameters[name]
        for key, text in options.items():
            flag = "--" + key.replace("_", "-")
            usual = f" [{USUAL[key]}]" if key in USUAL else ""
            option = typer.Option(
                flag, help=text + usual, rich_help_panel=panel, show_default=False
            )
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters[key] = inspect.Parameter(
                key, kind, default=None, annotation=Annotated[str | None, option]
            )
        wrapped.__doc__ = command.__doc__
        wrapped.__annotations__ = {key: one.annotation for key, one in parameters.items()}
        wrapped.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters.values()]
        )
        return wrapped

    return decorate


@_taking("encoding", ENCODING_OPTIONS, "Encoding")
@_taking("look", RECIPE_OPTIONS, "Recipe")
def stylize_command(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT", help="Films, pictures, or folders of them.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A file for one input, or a folder.")
    ],
    look: Texts,
    encoding: Texts,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            help="IMAGE or IMAGE:WEIGHT, a file or one of `nstd styles`; several are blended.",
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", "-r", help="A recipe of the configuration.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(help="A:B, only the frames from A up to before B; A: and :B too.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an output that is there.")] = False,
    accept_truncated: Annotated[
        bool, typer.Option("--accept-truncated", help="Paint what is there of a film cut off.")
    ] = False,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Paint films and pictures now, with a progress bar; stopped work is continued."""
    face = Face(debug, json, quiet)
    settings = configured(config, face, level="warning", needed=recipe is not None)
    settings = with_machine(settings, device, threads)
    painted_as = recipe_from_options(settings, name=recipe, overrides=_keys(look, style))
    encoded_as = _output(settings, output, encoding)
    first, last = parse_frames(frames)
    # Not before here: what is wrong with the options shows at once.
    from nstd.submit.freeze import ENCODER_THREADS
    from nstd.submit.output import OutputSpec
    from nstd.work.stylize import stylize

    spec = OutputSpec(
        encode=encoded_as.settings(ENCODER_THREADS),
        first=first,
        last=last,
        segment_frames=settings.segment_frames,
        accept_truncated=accept_truncated or settings.accept_truncated,
        overwrite=overwrite,
        limits=settings.limits_of(),
    )
    with reporting(face) as reporter:
        results = stylize(settings, inputs, painted_as, spec, output, reporter)
    report(results, face)


def _keys(look: Texts, styles: list[str] | None) -> dict[str, Any]:
    """The recipe's keys as the configuration would have them."""
    keys: dict[str, Any] = dict(look)
    for name in LISTS:
        text = look[name]
        keys[name] = None if text is None else [part.strip() for part in text.split(",")]
    keys["styles"] = None if not styles else [parse_style(text) for text in styles]
    return keys


def parse_style(text: str) -> dict[str, Any]:
    """`IMAGE` or `IMAGE:WEIGHT`; a file whose name ends that way is taken as it is."""
    match = re.fullmatch(r"(.+):([0-9.eE+-]+)", text)
    if match is None or Path(text).exists():
        return {"image": text}
    return {"image": match[1], "weight": match[2]}


def parse_frames(text: str | None) -> tuple[int, int | None]:
    """First and last frame of `A:B`, which ends before B as in Python; None is all.

    Raises:
        UsageError: It is not of that form, or holds no frame.
    """
    if text is None:
        return 0, None
    match = re.fullmatch(r"(\d*):(\d*)", text)
    if match is None:
        raise UsageError(f"--frames: “{text}” is no range", "Write A:B, as in 0:100")
    first = int(match[1] or 0)
    last = int(match[2]) - 1 if match[2] else None
    if last is not None and last < first:
        raise UsageError(f"--frames: “{text}” holds no frame", "B is the first frame left out")
    return first, last


def _output(config: Config, output: Path, options: dict[str, str | None]) -> OutputConfig:
    """The configuration's encoding with the options', and the container that -o names."""
    suffix = output.suffix.lower().removeprefix(".")
    if options["container"] is None and suffix in {"mp4", "mov", "mkv"}:
        options = options | {"container": suffix}
    return output_from_options(config, options)
