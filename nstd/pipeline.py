"""One film end to end: the only place where style meets media.

A film is a list of segments. A segment is a pure function of (source, first frame, frozen recipe,
execution plan, carried state) and becomes one closed file; an `Engine` decides where that happens.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import groupby, islice
from os.path import samestat
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from nstd.errors import (
    BusyError,
    ChangedError,
    ConfigError,
    InputError,
    Interrupted,
    LedgerError,
    NstdError,
    OutputExistsError,
    StorageError,
    UnreadableError,
    UnsupportedError,
    UsageError,
    VanishedError,
    WeightsError,
    from_os_error,
)
from nstd.film import Film, path_of, to_images, to_tensor
from nstd.jobs.fingerprint import fingerprint
from nstd.jobs.job import FileIdentity, Job, JobState, Segment
from nstd.jobs.segments import SegmentPlanner
from nstd.media.files import removed_on_failure
from nstd.media.frame import Frame, Image, VideoInfo
from nstd.media.guarded import probe_guarded
from nstd.media.image import STILL_SUFFIXES, encode_still, read_still, read_style_image
from nstd.media.keep import FrameKeeper
from nstd.media.writer import SegmentWriter, assemble, check_size, facts_of, joins, publish
from nstd.plan import ExecutionPlan
from nstd.room import require_room, require_room_for_still
from nstd.sequence import Coming, Past, coming_frames, is_carried, segment_folder
from nstd.style.device import device_errors
from nstd.style.network import Network
from nstd.style.optimize import Iterate, Painter, stylize_frames
from nstd.style.recipe import LAYERS, StyleRecipe, StyleSource
from nstd.style.shot import losses_of, settled_loss, stylize_next
from nstd.style.targets import StyleImage, TensorStore, resize
from nstd.style.tone import Tone, tone_of
from nstd.weights import file_sha256, load_weights

logger = logging.getLogger(__name__)


class Engine(Protocol):
    """Where segments are painted: here, or on other machines."""

    def paint(self, film: Film, info: VideoInfo) -> None:
        """Paint and close every segment of `film` that the ledger has not closed yet."""
        ...


def stylize_film(film: Film, engine: Engine) -> None:
    """Paint a film or a still picture, and put it in its place.

    Raises:
        NstdError: Any of the tree; what was painted is kept for the next attempt, unless the
            source has changed.
    """
    before = _identity(film.source)
    _require_as_queued(film)
    if film.job.part is not None and _is_at(film.target, film.job.part):
        # Published before, but the ledger could not be told: nothing is left to paint.
        film.store.done(film.store.publishing(film.job, part=film.job.part))
        return
    _require_free(film)
    _make_folder(film.target.parent)
    try:
        part = _painted(film, engine)
    except NstdError as error:
        _blame_change(film, before, error)
        raise
    with removed_on_failure(part):
        _require_unchanged(film, before)
    job = _about_to_publish(film, part)
    publish(part, film.target, overwrite=film.output.overwrite)
    film.store.done(job)


def open_segments(film: Film, info: VideoInfo) -> Iterator[tuple[Segment, Iterator[Coming]]]:
    """The segments still to be painted, each with its frames; take all frames before the next.

    Planning is incremental: the film is read once, and a segment's end shows when it comes.
    """
    closed = _closed_segments(film)
    planner = SegmentPlanner.resume(film.output.segment_frames, closed, film.output.first)
    total = film.frames_of(info)
    film.observer.began(film.job, painted=planner.next_frame - film.output.first, total=total)
    # So that how many there are shows before the first is painted. Of those painted the ledger's
    # number counts, which may have been set back since: with more, nothing would look like a gain.
    film.store.progress(film.job, film.store.get(film.job.id).frames_done, total)

    def segment_of(coming: Coming) -> Segment:
        planner.add(coming.frame.index, cut=coming.begins_shot)
        assert planner.current is not None  # noqa: S101 - for the type checker: one was just added
        return planner.current

    with closing(coming_frames(film, info, planner.next_frame)) as coming:
        yield from groupby(coming, segment_of)


def stylize_segment(
    film: Film, info: VideoInfo, segment: Segment, frames: Iterator[Coming]
) -> Segment:
    """Paint one segment and close its file; returns it as the ledger has it now.

    Painted frames are kept one by one without loss, and encoded when the segment is complete: a
    kill costs the frame in hand, and the encoder sees the same frames as if there had been none.
    """
    require_room(film, info)
    segment = film.store.open_segment(film.job, segment)
    keeper = FrameKeeper(segment_folder(film.work, segment.index))
    shot = _carried_shot(film, segment)
    total = film.frames_of(info)
    times: list[Frame] = []
    # Along the flow each frame needs the one before it.
    size = film.plan.batch if film.estimator is None else 1
    while batch := list(islice(frames, size)):
        first = batch[0].frame
        if shot is None:
            shot = _Shot(first.index, _energies(film, first))
        past = Past(film, segment, keeper, shot.first)
        _paint_batch(film, keeper, past, batch, shot)
        shot = _judged(film, keeper, first, shot)
        times += [replace(one.frame, image=_NO_PIXELS) for one in batch]
        film.progress(segment, [one.frame.index for one in batch], total)
    assert shot is not None  # noqa: S101 - for the type checker: a segment has a frame
    path = _encode(film, info, segment, keeper, times)
    end = times[-1].pts + times[-1].duration
    closed = replace(
        segment,
        last=times[-1].index,
        path=path.name,
        digest=file_sha256(path),
        carried={
            "shot": asdict(shot),
            **past.carry(times[-1].index),
            "first_pts": times[0].pts,
            "end_pts": end,
        },
    )
    film.store.close_segment(film.job, closed)
    keeper.clear()
    past.forget()
    return closed


def build_painter(
    recipe: StyleRecipe, plan: ExecutionPlan, device: torch.device, store: TensorStore
) -> Painter:
    """A frozen recipe made ready on a device.

    Raises:
        WeightsError: The weights are not those the recipe was frozen with, or end too early.
        InputError: A style image cannot be read.
    """
    weights = load_weights(Path(recipe.network))
    if recipe.network_sha256 not in {None, weights.sha256}:
        raise WeightsError(
            f"{recipe.network} is not the network this job was queued with",
            "Queue the film again",
        )
    network = Network(
        weights.tensors,
        deepest=max((*recipe.style_layers, recipe.content_layer), key=LAYERS.index),
        pooling=recipe.pooling,
        padding=recipe.padding,
    )
    with device_errors(str(device)):
        network = network.to(device, getattr(torch, plan.dtype))
    styles = tuple(_style_image(source) for source in recipe.styles)
    return Painter(recipe, network, weights.sha256, styles, store, plan.history)


def _style_image(source: StyleSource) -> StyleImage:
    path = Path(source.image)
    if source.sha256 not in {None, file_sha256(path)}:
        raise UnreadableError(
            f"{path} is not the style image this job was queued with", "Queue the film again"
        )
    image = read_style_image(path)
    # The cache's key is made of the pixels: another Pillow may decode the same JPEG otherwise.
    pixels = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
    return StyleImage(to_tensor([image]), pixels, source.weight, source.scale)


_NO_PIXELS: Image = np.zeros((0, 0, 3), dtype=np.uint8)
"""Stands for the pixels of a frame of which only the time is still needed."""


@dataclass(frozen=True, slots=True)
class _Shot:
    """What holds for all frames of a shot.

    Attributes:
        first: Number of its first frame.
        energies: What its content losses are divided by, at each level.
        settled: Loss at which a later frame is as good as the first one; None until that is
            painted, and where frames are painted each for itself.
        tone: What later frames keep to; likewise.
    """

    first: int
    energies: tuple[float, ...]
    settled: float | None = None
    tone: Tone | None = None


def _paint_batch(
    film: Film, keeper: FrameKeeper, past: Past, batch: Sequence[Coming], shot: _Shot
) -> None:
    kept = set(keeper.indices())
    # A batch is painted as a whole or not at all: its frames' bytes depend on its size.
    if kept.issuperset(one.frame.index for one in batch):
        return
    images = to_tensor([one.frame.image for one in batch])
    if batch[0].flows:
        before = past.predecessors(batch[0])
        settled = shot.settled or 0.0
        iterates = stylize_next(film.painter, images, before, shot.energies, settled, shot.tone)
    else:
        iterates = stylize_frames(film.painter, images, shot.energies)
    painted, shown = _paint(film, iterates, batch[0].frame.index)
    for one, image in zip(batch, painted, strict=True):
        past.keep(one, image, shown)


def _judged(film: Film, keeper: FrameKeeper, frame: Frame, shot: _Shot) -> _Shot:
    """The shot, with what its first frame has reached, as it was written.

    As written and not as painted: so a film that goes on here finds the same.
    """
    if film.estimator is None or shot.settled is not None:
        return shot
    painted, source = to_tensor([keeper.load(shot.first)]), to_tensor([frame.image])
    with device_errors(str(film.painter.network.device)):
        found = losses_of(film.painter, source, painted, shot.energies)
        device, (height, width) = film.painter.network.device, painted.shape[2:]
        tone = tone_of(painted.to(device), resize(source.to(device), width, height))
    return replace(shot, settled=settled_loss(film.painter, found), tone=tone)


def _paint(film: Film, iterates: Iterator[Iterate], index: int) -> tuple[list[Image], Image | None]:
    """The painted pictures, and what each place of a frame of a shot was painted for."""
    last: Iterate | None = None
    with device_errors(str(film.painter.network.device)):
        for iterate in iterates:
            film.observer.stepped(index, iterate)
            if film.observer.stopping:
                raise Interrupted(f"Painting {film.source.name} was stopped at frame {index}")
            last = iterate
        assert last is not None  # noqa: S101 - for the type checker: there is always a last one
        shown = None if last.shown is None else to_images(last.shown)[0]
        return to_images(last.images), shown


def _painted(film: Film, engine: Engine) -> Path:
    """The finished part file, beside the target."""
    if film.source.suffix.lower() in STILL_SUFFIXES:
        return _stylize_still(film)
    info = probe_guarded(
        film.source,
        accept_truncated=film.output.accept_truncated,
        limits=film.output.limits,
        stopping=lambda: film.observer.stopping,
        alive=film.observer.alive,
    )
    _require_frames(film, info)
    # What would end it is found out before the first frame is painted.
    check_size(_as_painted(film, info), film.output.encode)
    _require_paintable(film, info.width, info.height)
    require_room(film, info)
    _forget_what_cannot_be_joined(film, info)
    engine.paint(film, info)
    film.store.renew(film.job)  # putting a long film together takes its time
    return _assemble(film, info)


def _stylize_still(film: Film) -> Path:
    still = read_still(film.source, film.output.limits)
    height, width, _ = still.image.shape
    _require_paintable(film, width, height)
    require_room_for_still(film, *film.painter.painted_size(width, height))
    film.observer.began(film.job, painted=0, total=1)
    iterates = stylize_frames(film.painter, to_tensor([still.image]))
    (image,), _ = _paint(film, iterates, 0)
    film.store.progress(film.job, 1, 1)
    film.observer.painted(0)
    return encode_still(image, still, film.target, quality=_STILL_QUALITY)


_STILL_QUALITY = 95
"""Of a JPEG: paint strokes are high frequencies, which lower qualities smear."""


def _encode(
    film: Film, info: VideoInfo, segment: Segment, keeper: FrameKeeper, times: Sequence[Frame]
) -> Path:
    path = film.work / f"segment-{segment.index + 1:06d}.mp4"
    facts, alive = _as_painted(film, info), film.observer.alive
    with SegmentWriter(path, facts, film.output.encode, alive=alive) as writer:
        for time in times:
            writer.write(replace(time, image=keeper.load(time.index)))
    return path


def _assemble(film: Film, info: VideoInfo) -> Path:
    closed = [segment for segment in film.store.segments(film.job.id) if segment.complete]
    paths = [film.work / str(segment.path) for segment in closed]
    if not closed:
        raise UnreadableError(f"No frame of {film.source} can be decoded")
    span = None
    if not film.output.whole:
        span = (closed[0].carried["first_pts"], closed[-1].carried["end_pts"])
    return assemble(
        paths,
        film.source,
        _as_painted(film, info),
        film.target,
        film.output.encode,
        span=span,
        alive=film.observer.alive,
    )


def _as_painted(film: Film, info: VideoInfo) -> VideoInfo:
    """The facts of the source, at the size it is painted and written at."""
    width, height = film.painter.painted_size(info.width, info.height)
    return replace(info, width=width, height=height)


def _closed_segments(film: Film) -> list[Segment]:
    """What is painted already; all of it is forgotten if any file of it is gone or damaged."""
    closed = [segment for segment in film.store.segments(film.job.id) if segment.complete]
    for segment in closed:
        path = film.work / str(segment.path)
        whole = facts_of(path) is not None and file_sha256(path) == segment.digest
        # Only what the last one leaves is still needed.
        if not whole or (segment is closed[-1] and not is_carried(film.work, segment)):
            logger.warning("%s is gone or damaged: %s begins anew", path, film.source.name)
            film.store.clear_segments(film.job)
            return []
    return closed


def _forget_what_cannot_be_joined(film: Film, info: VideoInfo) -> None:
    """Begin anew where another version's encoder has made the closed segments, and otherwise."""
    plan = film.plan.to_json()
    if all(segment.plan == plan for segment in film.store.segments(film.job.id)):
        return
    closed = _closed_segments(film)
    if not closed:
        return
    first = film.work / str(closed[0].path)
    if not joins(first, _as_painted(film, info), film.output.encode):
        logger.warning(
            "%s begins anew: what is painted cannot be joined with what this version encodes",
            film.source.name,
        )
        film.store.clear_segments(film.job)


# METHOD §1 holds the content's energy constant over a shot: it is that of its first frame (of the
# range that is painted), carried on from segment to segment, with the floor that `ENERGY_FLOOR`
# explains. Where each frame is painted for itself no shots are looked for, and the film is one.
def _carried_shot(film: Film, segment: Segment) -> _Shot | None:
    if segment.depends_on is None:
        return None
    before = film.store.segments(film.job.id)[segment.depends_on]
    # Before there were shots, energies were all that was carried; and a shot had no tone to be held
    # to once, which it then does without to its end.
    try:
        shot = before.carried.get("shot") or {
            "first": film.output.first,
            "energies": before.carried["energies"],
        }
        tone = shot.get("tone") and Tone.of(shot["tone"])
        return _Shot(**(shot | {"energies": tuple(shot["energies"]), "tone": tone}))
    except (AttributeError, KeyError, TypeError) as error:
        raise LedgerError(
            f"Another version has begun {film.source.name}, and this one cannot go on with it: "
            f"{error}",
            f"`nstd cancel {film.job.id}`, then queue it again; or go on with that version",
        ) from error


def _energies(film: Film, frame: Frame) -> tuple[float, ...]:
    with device_errors(str(film.painter.network.device)):
        return film.painter.content_energies(to_tensor([frame.image]))


def _require_as_queued(film: Film) -> None:
    key = film.job.request.key
    if fingerprint(film.store, path_of(key.folder), film.source) != key.fingerprint:
        raise VanishedError(
            f"{film.source} is not the film that was queued any more",
            "Nothing to do: the film that is there now is queued for itself",
        )


def _require_paintable(film: Film, width: int, height: int) -> None:
    try:
        film.painter.levels(width, height)
    except ConfigError as error:
        raise UnsupportedError(
            f"{film.source} cannot be painted: {error.problem}", error.remedy
        ) from error


def _require_frames(film: Film, info: VideoInfo) -> None:
    if 0 < info.frames <= film.output.first:
        raise UsageError(
            f"{film.source.name} has {info.frames} frames: there is none from {film.output.first}",
            "Frames are counted from 0",
        )


def _require_free(film: Film) -> None:
    """Nothing that is anybody's may be replaced, whatever `overwrite` says of outputs."""
    name = film.job.request.target
    there = facts_of(film.target)
    if there is not None and samestat(there, _facts(film.source)):
        raise UsageError(f"{film.target} is the film itself", "Choose another output")
    if film.store.is_source(name):
        raise UsageError(f"{film.target} is itself a film to be painted", "Choose another output")
    if there is not None and not film.output.overwrite:
        raise OutputExistsError(f"{film.target} is there already")
    if film.store.is_being_written(name, but_for=film.job.id):
        raise BusyError(f"Another job is painting {film.target} right now")


def _blame_change(film: Film, before: FileIdentity, error: NstdError) -> None:
    """Raise `ChangedError` where the source was overwritten while `error` was met.

    What was read may be a mixture of two films then, and the error a consequence of that.
    """
    try:
        if facts_of(film.source) is not None:
            _require_unchanged(film, before, error)
    except ChangedError:
        raise
    except (InputError, StorageError) as unseen:
        # Its disk does not answer, or it is gone by now: `error` tells what that has led to.
        logger.info("Whether %s was changed meanwhile cannot be seen: %s", film.source, unseen)


def _require_unchanged(film: Film, before: FileIdentity, cause: NstdError | None = None) -> None:
    """Raise `ChangedError`, and forget what was painted, if the source has other content now.

    Its owner or its other names may have changed: that is another identity, and the content is read
    again to know.
    """
    if _identity(film.source) == before:
        return
    key = film.job.request.key
    if fingerprint(film.store, path_of(key.folder), film.source) == key.fingerprint:
        return
    film.store.clear_segments(film.job)
    shutil.rmtree(film.work, ignore_errors=True)
    raise ChangedError(f"{film.source} was changed while it was being painted") from cause


def _is_at(path: Path, identity: FileIdentity) -> bool:
    there = facts_of(path)
    return there is not None and FileIdentity.from_stat(there).same_content(identity)


def _about_to_publish(film: Film, part: Path) -> Job:
    try:
        return film.store.publishing(film.job, part=_identity(part, "looking at"))
    except BusyError:
        # Canceled while it was put together. Had another worker taken over, it would be its part.
        if film.store.get(film.job.id).state is JobState.CANCELED:
            with removed_on_failure(part):
                raise
        raise


def _make_folder(folder: Path) -> None:
    """Made before the painting: that it cannot be had must not show when all is painted."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, folder, "making the folder") from error


def _identity(path: Path, doing: str = "reading") -> FileIdentity:
    return FileIdentity.from_stat(_facts(path, doing))


def _facts(path: Path, doing: str = "reading") -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise from_os_error(error, path, doing) from error
