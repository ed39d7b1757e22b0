"""`nstd stylize`: one or more films or pictures, right now."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from nstd.cli.options import (
    ConfigOption,
    DebugOption,
    Face,
    JsonOption,
    QuietOption,
    configured,
    report,
)
from nstd.cli.progress import reporting
from nstd.config import Config, OutputConfig, output_from_options, recipe_from_options
from nstd.errors import UsageError


def _recipe_option(name: str, text: str) -> Any:
    # Text, whatever the key: the configuration's own checks say what is wrong with it, once.
    return typer.Option(f"--{name}", help=text, rich_help_panel="Recipe", show_default=False)


def stylize_command(
    inputs: Annotated[list[Path], typer.Argument(help="Films, pictures, or folders of them.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A file for one input, or a folder.")
    ],
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            help="IMAGE or IMAGE:WEIGHT; several are blended.",
            rich_help_panel="Recipe",
            show_default=False,
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
    codec: Annotated[str | None, typer.Option(help="h264, h265, av1, prores or ffv1.")] = None,
    quality: Annotated[str | None, typer.Option(help="On the codec's scale; 0 is best.")] = None,
    preset: Annotated[str | None, typer.Option(help="ultrafast to veryslow.")] = None,
    container: Annotated[str | None, typer.Option(help="mp4, mov or mkv.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda:N or mps.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    network: Annotated[str | None, _recipe_option("network", "Its name, or weights file.")] = None,
    strength: Annotated[str | None, _recipe_option("strength", "subtle, normal or strong.")] = None,
    content_weight: Annotated[str | None, _recipe_option("content-weight", "α.")] = None,
    content_layer: Annotated[
        str | None, _recipe_option("content-layer", "Such as conv4_2.")
    ] = None,
    style_weight: Annotated[str | None, _recipe_option("style-weight", "β.")] = None,
    style_layers: Annotated[
        str | None, _recipe_option("style-layers", "Separated by commas.")
    ] = None,
    layer_weights: Annotated[
        str | None, _recipe_option("layer-weights", "One for each style layer, by commas.")
    ] = None,
    tv_weight: Annotated[str | None, _recipe_option("tv-weight", "τ, of smoothness.")] = None,
    range_weight: Annotated[
        str | None, _recipe_option("range-weight", "ρ, of staying in [0, 1].")
    ] = None,
    form: Annotated[str | None, _recipe_option("form", "relative or literal.")] = None,
    levels: Annotated[
        str | None, _recipe_option("levels", "LONG_EDGE:STEPS, coarse to fine, by commas.")
    ] = None,
    optimizer: Annotated[str | None, _recipe_option("optimizer", "lbfgs or adam.")] = None,
    learning_rate: Annotated[str | None, _recipe_option("learning-rate", "Adam's.")] = None,
    init: Annotated[str | None, _recipe_option("init", "content, style or noise.")] = None,
    pooling: Annotated[str | None, _recipe_option("pooling", "max or average.")] = None,
    padding: Annotated[str | None, _recipe_option("padding", "reflect or replicate.")] = None,
    tolerance: Annotated[
        str | None, _recipe_option("tolerance", "A level ends when its loss falls by less.")
    ] = None,
    tolerance_window: Annotated[
        str | None, _recipe_option("tolerance-window", "Steps that the fall is measured over.")
    ] = None,
    seed: Annotated[str | None, _recipe_option("seed", "Of the noise.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Paint films and pictures now, with a progress bar; stopped work is continued."""
    face = Face(debug, json, quiet)
    settings = configured(config, face, level="warning")
    settings = _with_machine(settings, device, threads)
    keys: dict[str, Any] = {
        "network": network, "strength": strength, "content_weight": content_weight,
        "content_layer": content_layer, "style_weight": style_weight,
        "style_layers": _listed(style_layers), "layer_weights": _listed(layer_weights),
        "tv_weight": tv_weight, "range_weight": range_weight, "form": form, "levels": levels,
        "optimizer": optimizer, "learning_rate": learning_rate, "init": init,
        "pooling": pooling, "padding": padding, "tolerance": tolerance,
        "tolerance_window": tolerance_window, "seed": seed,
        "styles": None if not style else [parse_style(text) for text in style],
    }  # fmt: skip
    look = recipe_from_options(settings, name=recipe, overrides=keys)
    encode = {"codec": codec, "quality": quality, "preset": preset, "container": container}
    encoding = _output(settings, output, encode)
    first, last = parse_frames(frames)
    # Not before here: what is wrong with the options shows at once.
    from nstd.batch import stylize
    from nstd.film import OutputSpec
    from nstd.intake.submit import ENCODER_THREADS

    spec = OutputSpec(
        encode=encoding.settings(ENCODER_THREADS),
        first=first,
        last=last,
        segment_frames=settings.segment_frames,
        accept_truncated=accept_truncated or settings.accept_truncated,
        overwrite=overwrite,
    )
    with reporting(face) as reporter:
        results = stylize(settings, inputs, look, spec, output, reporter)
    report(results, face)


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


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]


def _with_machine(config: Config, device: str | None, threads: int | None) -> Config:
    update: dict[str, Any] = {}
    if device is not None:
        update["devices"] = (device,)
    if threads is not None:
        update["threads"] = threads
    return config.model_copy(update=update)


def _output(config: Config, output: Path, options: dict[str, str | None]) -> OutputConfig:
    """The configuration's encoding with the options', and the container that -o names."""
    suffix = output.suffix.lower().removeprefix(".")
    if options["container"] is None and suffix in {"mp4", "mov", "mkv"}:
        options = options | {"container": suffix}
    return output_from_options(config, options)
