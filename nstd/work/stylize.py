"""`stylize`: files that are named, painted right now with a ledger of its own."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nstd.config import Config
from nstd.disks.locks import locked
from nstd.errors import NstdError, OutputExistsError
from nstd.ledger.job import FileIdentity, Job, JobState
from nstd.ledger.store import JobStore
from nstd.media.image_film import USUAL_RATE
from nstd.media.names import is_numbered
from nstd.media.numbered import find_numbered
from nstd.media.read.guarded import probe_guarded
from nstd.media.read.reader import frame_times
from nstd.media.write.numbered import first_of
from nstd.style.recipe import StyleRecipe
from nstd.submit.frames import FrameRange
from nstd.submit.freeze import Submission, freeze, freezing_of, submit
from nstd.submit.inputs import ready_folder
from nstd.submit.names import put_by
from nstd.submit.output import OutputSpec
from nstd.submit.pairs import pair
from nstd.submit.sources import number_of
from nstd.work.crew import device_names
from nstd.work.film import Observer
from nstd.work.originals import Clearing
from nstd.work.result import Result, result_of, until_stopped, work_off
from nstd.work.worker import Worker, make_worker


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of each input.

    Attributes:
        recipe: The look.
        output: How to encode.
        frames: Which frames of each film; None for those that `output` says.
    """

    recipe: StyleRecipe
    output: OutputSpec = field(default_factory=OutputSpec)
    frames: FrameRange | None = None


def stylize(
    config: Config,
    inputs: Sequence[Path],
    wanted: Wanted,
    destination: str | Path,
    observer: Observer,
) -> list[Result]:
    """Paint files right now, one after the other.

    It has its own ledger, apart from the daemon's: what was begun and stopped is continued when
    the same is asked for again, and what is finished of it is left as it is.

    Args:
        config: For its folders, devices and threads.
        inputs: Films, pictures, and folders of such.
        wanted: What is wanted of each.
        destination: A file for one input, or a folder: one that is there, or a name that has no
            suffix or ends in a slash. Folders below the working folder are made, and no others.
        observer: Who looks on.

    Raises:
        UsageError: Several inputs go to one file, or an output is there already.
        MountError: The folder that they are to go to is not there.
        DeviceError: The device is missing.

    Returns:
        What became of each input; where the observer asked to stop, the last says so.
    """
    output, frames = wanted.output, wanted.frames
    if frames is None:
        frames = FrameRange(output.first, None if output.last is None else output.last + 1)
    pairs = pair(inputs, destination, output, frames)
    for folder in {target.parent for _, target in pairs}:
        ready_folder(folder, destination)
    own = config.model_copy(update={"state_dir": config.state_dir / "stylize"})
    # Shared, so that nobody cleans up between one film and the next.
    with (
        locked(own.state_dir, shared=True, seconds=math.inf),
        JobStore(own.state_dir / "ledger.sqlite3") as store,
    ):
        Clearing(store, own.state_dir / "work").clear_up_all()
        for _, target in pairs:
            if target.exists() and not output.overwrite and put_by(store, target) is None:
                raise OutputExistsError(f"{target} is there already")
        recipe = freeze(wanted.recipe, freezing_of(own, wanted.recipe))
        worker = make_worker(own, store, device_names(config)[0], observer)

        def results() -> Iterator[Result]:
            for number, (source, target) in enumerate(pairs, 1):
                observer.turn(number, len(pairs))
                try:
                    spec = _cut(output, frames, source, observer)
                    if spec.encode.numbered:
                        target = first_of(target, number_of(source, spec.first))  # noqa: PLW2901
                except NstdError as error:
                    yield Result(source, target, error)
                    continue
                yield _stylize_one(own, store, worker, _submission(source, target, recipe, spec))

        return until_stopped(results())


def _cut(output: OutputSpec, frames: FrameRange, source: Path, observer: Observer) -> OutputSpec:
    """The output limited to these frames of a source."""
    if not frames.timed:
        first, last = frames.numbers()
        return replace(output, first=first, last=last)
    if is_numbered(source):
        count, rate = len(find_numbered(source).paths), output.reading.rate or USUAL_RATE
        first, last = frames.numbers(range(count), 1 / rate)
        return replace(output, first=first, last=last)
    info = probe_guarded(
        source,
        accept_truncated=output.accept_truncated,
        limits=output.limits,
        reading=output.reading,
        stopping=lambda: observer.stopping,
        alive=observer.alive,
    )
    times, unit = frame_times(source, info), info.time_base
    if not times:  # its container states none
        times, unit = list(range(info.frames)), 1 / info.frame_rate
    first, last = frames.numbers(times, unit)
    return replace(output, first=first, last=last)


def _stylize_one(config: Config, store: JobStore, worker: Worker, wanted: Submission) -> Result:
    try:
        job, _ = submit(store, wanted, freezing_of(config, wanted.recipe))
        if job.state is JobState.DONE:
            if not wanted.output.overwrite and _has_put(job, wanted.target):
                return result_of(store, job.id, None, kept=True)
            job, _ = store.enqueue(job.request, again=True)
        elif job.state in {JobState.FAILED, JobState.CANCELED, JobState.VANISHED, JobState.QUEUED}:
            job = store.retry(job.id)
    except NstdError as error:
        return Result(wanted.source, wanted.target, error)
    return work_off(store, worker, job)


def _has_put(job: Job, target: Path) -> bool:
    """Whether the file at `target` is the one that `job` has put there."""
    if job.part is None or not target.exists():
        return False
    return FileIdentity.from_stat(target.stat()).same_content(job.part)


def _submission(source: Path, target: Path, recipe: StyleRecipe, output: OutputSpec) -> Submission:
    # The same command is the same work; with another style, frame range or target it is other work.
    # A network and a style image count by their content, not by what they are called.
    recipe_wish = recipe.without_names().to_json()
    wish = json.dumps([recipe_wish, output.wish(), str(target)], sort_keys=True)
    digest = hashlib.sha256(wish.encode("utf-8", "surrogateescape")).hexdigest()
    return Submission(
        source=source,
        folder=source.parent,
        recipe_name=f"stylize {digest[:16]}",
        recipe=recipe,
        output=output,
        target=target,
    )
