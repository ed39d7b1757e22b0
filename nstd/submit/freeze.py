"""From a settled file to a job in the ledger: fingerprint, frozen recipe, name of the output."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from nstd.config import Config, FolderConfig, MoveOriginals, OutputConfig
from nstd.config.sidecar import note_of_sidecar, sidecar_of, with_sidecar
from nstd.disks.place import Place
from nstd.errors import ConfigError, InputError, Interrupted, UsageError, WeightsError
from nstd.files import Json
from nstd.gallery import style_name
from nstd.ledger.job import FileIdentity, Job, JobKey, JobRequest, path_of
from nstd.ledger.store import JobStore
from nstd.media.names import is_numbered
from nstd.media.numbered import stem_of
from nstd.media.pictures import read_style_image
from nstd.media.read.reading import Reading
from nstd.style.devices import choose_names
from nstd.style.recipe import StyleRecipe
from nstd.submit.frozen import freeze_file
from nstd.submit.names import Entry, Naming, choose_target, naming, output_extension
from nstd.submit.output import OutputSpec
from nstd.submit.places import Places
from nstd.submit.sources import Candidate, files_of, job_key, placed_recipe, require_ready
from nstd.weights.catalog import AUTO, ChosenNetwork, choose_network
from nstd.weights.file import inspect_weights

logger = logging.getLogger(__name__)
network_logger = logging.getLogger("nstd.network")
"""Logs which network `auto` chose; commands that log little else show this."""

ENCODER_THREADS = 2
"""x264's bytes change with it, so it is one number for every machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A file to be painted, and how.

    Attributes:
        source: The film or picture, absolute; or a pattern that names numbered images.
        folder: The folder that its relative path, and so its identity, counts from.
        recipe_name: Part of the work's identity.
        recipe: As configured; it is frozen when the job is queued.
        output: How to encode and publish.
        target: Where the result goes.
        priority: Higher is painted sooner.
        note: What is worth knowing of it, as a sentence.
        places: The folders it needs, as they were named; None for the film's and the target's own.
        sidecar: Name and SHA-256 of the film's sidecar, which goes where the film goes; or None.
    """

    source: Path
    folder: Path
    recipe_name: str
    recipe: StyleRecipe
    output: OutputSpec
    target: Path
    priority: int = 0
    note: str = ""
    places: Places | None = None
    sidecar: Json | None = None


@dataclass(frozen=True, slots=True)
class Freezing:
    """What freezing a recipe depends on besides the recipe.

    Attributes:
        state_dir: nstd's state folder: the copies lie there.
        cache_dir: nstd's cache folder: the networks lie there.
        gpu: Whether it will be painted on a GPU; the network `auto` depends on it.
        beneath: A folder in which other people may put files and name style images: no link in it
            is followed. None if there is no such folder.
    """

    state_dir: Path
    cache_dir: Path
    gpu: bool = False
    beneath: Path | None = None


def submit_entry(
    store: JobStore,
    config: Config,
    candidate: Candidate,
    *,
    leaving: Callable[[], bool] = lambda: False,
) -> list[tuple[Job, bool]]:
    """Queue a file of a watched folder, or of the batch list, once for each of its recipes.

    Args:
        store: The ledger.
        config: The configuration that the file's entry is part of.
        candidate: The file.
        leaving: Asked once all is read; if true, nothing is queued.

    Returns:
        Each job, and whether it was queued now.

    Raises:
        ConfigError: Something is wrong in the file's sidecar; it is to wait until that is mended.
        Interrupted: It is `leaving`.
        NstdError: The file, a style image or the network's weights cannot be read.
    """
    # All are frozen before the first is queued: where one cannot be, none is begun.
    try:
        requests = entry_requests(store, config, candidate)
    except (ConfigError, InputError, WeightsError) as error:
        # If it is the film itself that is at fault, its fingerprint raises the error again.
        keys = [_key(store, candidate, name) for name in candidate.recipes]
        jobs = [job for key in keys if (job := store.find(key)) is not None]
        if len(jobs) < len(keys):
            raise
        # What was queued before keeps the recipe it was queued with.
        if isinstance(error, ConfigError):
            logger.warning("%s %s stays as it was queued before", error, candidate.source)
        return [(job, False) for job in jobs]
    with naming(config.state_dir):
        if leaving():
            raise Interrupted(f"{candidate.source} was not queued: work was stopped")
        queued = []
        for name, request in zip(candidate.recipes, requests, strict=True):
            queued.append(store.enqueue(with_name(store, config, candidate.entry, name, request)))
        return queued


def entry_requests(store: JobStore, config: Config, candidate: Candidate) -> list[JobRequest]:
    """The requests that `submit_entry` queues; the output's name is chosen last, by `with_name`.

    Args:
        store: The ledger.
        config: For recipes, the network and the folders.
        candidate: The file.

    Raises:
        ConfigError: Something is wrong in the file's sidecar.
        BeingWrittenError: A program has the file open for writing.
        UnsupportedError: It is a picture of a kind that is not read.
        NstdError: The file, a style image or the network's weights cannot be read.
    """
    entry, folder, source = candidate.entry, candidate.folder, candidate.source
    require_ready(source)
    requests = []
    for name in candidate.recipes:
        key = _key(store, candidate, name)
        output = replace(output_spec(config, entry), dropped=candidate.dropped)
        # Noted before it is read: a sidecar that changes meanwhile is then recognized as another.
        beside = note_of_sidecar(source)
        recipe, held = _recipe(config, candidate, name)
        wanted = Submission(
            source=source,
            folder=folder,
            recipe_name=key.recipe_name,
            recipe=recipe,
            output=output,
            target=entry.output,
            priority=entry.priority,
            places=_places(entry, folder).as_before(store),
            sidecar=beside,
        )
        freezing = replace(freezing_of(config, recipe), beneath=held)
        requests.append(_request(wanted, key, freezing))
    return requests


def with_name(
    store: JobStore, config: Config, entry: Entry, recipe: str, request: JobRequest
) -> JobRequest:
    """The request with its output's place, chosen by what is there now; call it while `naming`."""
    source, encode = path_of(request.source), output_spec(config, entry).encode
    if pattern := request.output["images"]:
        source = source.with_name(pattern)
    rule = Naming(entry, recipe, output_extension(source, encode), encode, source.parent.name)
    if pattern:
        source = source.with_name(stem_of(source) + source.suffix)
    chosen = choose_target(store, request.key, entry, rule, source)
    return replace(request, target=os.fsencode(chosen.target), note=chosen.note)


def _key(store: JobStore, candidate: Candidate, recipe: str) -> JobKey:
    """The identity of a file's work in one of its recipes."""
    name = placed_recipe(recipe, candidate.entry.output) if candidate.made else recipe
    folder, source = candidate.folder, candidate.source
    return job_key(store, folder, source, name, dropped=candidate.dropped)


def _recipe(config: Config, candidate: Candidate, name: str) -> tuple[StyleRecipe, Path | None]:
    """A recipe of the configuration, changed by the sidecar of the file where there is one.

    Also gives the folder that the sidecar's style images must lie in, or None.
    """
    recipe, held = config.recipes[name], None
    sidecar = sidecar_of(candidate.source)
    if sidecar is not None:
        held = None if candidate.entry.sidecars == "anywhere" else candidate.folder
        recipe = with_sidecar(recipe, sidecar, held, config.recipes.values())
    return recipe.recipe(config.network), held


def submit(
    store: JobStore,
    wanted: Submission,
    freezing: Freezing,
    *,
    again: bool = False,
) -> tuple[Job, bool]:
    """Queue a job; the same work is queued once unless `again`.

    Returns:
        The job, and whether it was queued now.

    Raises:
        NstdError: The file, a style image or the network's weights cannot be read.
    """
    require_ready(wanted.source)
    dropped = wanted.output.dropped
    key = job_key(store, wanted.folder, wanted.source, wanted.recipe_name, dropped=dropped)
    request = _request(wanted, key, freezing)
    return store.enqueue(request, again=again)


def freeze(recipe: StyleRecipe, freezing: Freezing) -> StyleRecipe:
    """The recipe with copies, named by their content, of its style images and weights.

    From then on nothing that happens to the originals changes the look of a half-made film.

    Raises:
        InputError: A style image cannot be read.
        WeightsError: The network cannot be found or used.
    """
    if not recipe.styles:
        return recipe
    frozen = freezing.state_dir / "frozen"
    styles = []
    for style in recipe.styles:
        path, beneath = Path(style.image), freezing.beneath
        if beneath is not None and not path.is_relative_to(beneath):
            beneath = None
        digest, copy = freeze_file(path, frozen, _check_style_image, beneath=beneath)
        name = style.name or style_name(style.image)
        origin = style.origin or str(Path(style.image).absolute())
        styles.append(replace(style, image=str(copy), sha256=digest, name=name, origin=origin))
    chosen = choose_network(recipe.network, freezing.cache_dir, gpu=freezing.gpu)
    if chosen.reason:
        _say_which(chosen.name, chosen.reason)
    require_depth(recipe, chosen)
    digest, copy = freeze_file(chosen.path, frozen, _check_weights)
    return replace(
        recipe,
        styles=tuple(styles),
        network=str(copy),
        network_name=recipe.network_name or chosen.name,
        network_sha256=digest,
    )


def freezing_of(config: Config, recipe: StyleRecipe) -> Freezing:
    """What freezing `recipe` depends on, taken from `config`.

    Raises:
        DeviceError: The recipe asks for `auto`, and a configured device is missing.
    """
    gpu = recipe.network == AUTO and paints_on_gpu(config)
    return Freezing(config.state_dir, config.cache_dir, gpu)


def paints_on_gpu(config: Config) -> bool:
    """Whether the first of the devices that `config` names is a GPU.

    Raises:
        DeviceError: One of them is missing.
    """
    return choose_names(None if config.devices == "auto" else config.devices)[0] != "cpu"


@lru_cache(maxsize=8)
def _say_which(name: str, reason: str) -> None:
    """Say it once in a process: thousands of films may be queued at the same time."""
    network_logger.info("The network is %s: %s", name, reason)


def require_depth(recipe: StyleRecipe, chosen: ChosenNetwork) -> None:
    """Find out whether the network reaches the recipe's deepest layer: now, and not in mid-film.

    Raises:
        WeightsError: It does not, or its file is missing or damaged.
    """
    try:
        identity = FileIdentity.from_stat(chosen.path.stat())
    except OSError as error:
        raise WeightsError(f"There are no weights at {chosen.path}") from error
    present = _layers(chosen.path, identity)
    for layer in (*recipe.style_layers, recipe.content_layer):
        if layer not in present:
            raise WeightsError(
                f"The network {chosen.name} has no {layer}: it ends at {present[-1]}",
                "Choose shallower layers in the recipe, or another network",
            )


@lru_cache(maxsize=8)
def _layers(
    weights: Path,
    identity: FileIdentity,  # noqa: ARG001 - a part of the cache's key
) -> tuple[str, ...]:
    return inspect_weights(weights).layers


def _request(wanted: Submission, key: JobKey, freezing: Freezing) -> JobRequest:
    places, output = wanted.places, wanted.output
    if places is None:
        places = Places.of_output(wanted.folder, wanted.target.parent, wanted.output)
    if is_numbered(wanted.source):
        if output.originals != "keep":
            raise UsageError(
                f"{wanted.source} cannot be queued: numbered images are neither moved nor deleted",
                "Say originals: keep of their folder, or name them to `nstd stylize`",
            )
        output = replace(output, images=wanted.source.name)
    return JobRequest(
        key=key,
        source=os.fsencode(files_of(wanted.source)[0]),
        target=os.fsencode(wanted.target),
        recipe=freeze(wanted.recipe, freezing).to_json(),
        output=output.to_json(),
        priority=wanted.priority,
        note=wanted.note,
        found={"places": places.remembered().to_json(), "sidecar": wanted.sidecar},
    )


def _places(entry: Entry, folder: Path) -> Places:
    """The folders of an entry, as they are named there."""
    originals = None
    if isinstance(entry, FolderConfig) and isinstance(entry.originals, MoveOriginals):
        originals = Place(entry.originals.move, entry.originals.marker)
    marker = entry.marker if isinstance(entry, FolderConfig) else None
    return Places(Place(folder, marker), Place(entry.output, entry.output_marker), originals)


def named_output(config: Config, encoding: OutputConfig, reading: Reading) -> OutputSpec:
    """How a file that is named, and is of no entry, is read, cut, encoded and published.

    Args:
        config: For all that is not given.
        encoding: How films are encoded.
        reading: How films are read.
    """
    return OutputSpec(
        encode=encoding.settings(ENCODER_THREADS),
        segment_frames=config.segment_frames,
        accept_truncated=config.accept_truncated,
        strict=config.strict,
        limits=config.limits_of(),
        reading=reading,
    )


def output_spec(config: Config, entry: Entry) -> OutputSpec:
    """How the films of an entry are cut, encoded and published."""
    originals, move_to = "keep", None
    if isinstance(entry, FolderConfig):
        if isinstance(entry.originals, MoveOriginals):
            originals, move_to = "move", str(entry.originals.move)
        else:
            originals = entry.originals
    return OutputSpec(
        encode=config.output_of(entry).settings(ENCODER_THREADS),
        segment_frames=config.segment_frames,
        accept_truncated=config.accepts_truncated(entry),
        strict=config.is_strict(entry),
        overwrite=entry.overwrite,
        only_own=True,
        originals=originals,
        move_to=move_to,
        siblings=entry.recipes,
        marker=entry.marker if isinstance(entry, FolderConfig) else None,
        limits=config.limits_of(entry),
        reading=config.reading_of(entry),
    )


def _check_style_image(_: Path, content: Path) -> None:
    read_style_image(content)  # now, while an error can still name the user's file


def _check_weights(path: Path, _: Path) -> None:
    inspect_weights(path)  # the suffix tells which kind of file it is
