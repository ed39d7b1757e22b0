"""Work that is named, done and over: `stylize` and `batch`."""

import glob
import hashlib
import itertools
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from nstd.config import SIDECAR_SUFFIX, BatchConfig, Config, FolderConfig
from nstd.errors import (
    BusyError,
    InputError,
    Interrupted,
    LedgerError,
    NstdError,
    OutputExistsError,
    UsageError,
)
from nstd.film import Observer, OutputSpec, path_of
from nstd.intake.folder import WatchedFolder
from nstd.intake.submit import (
    Entry,
    Submission,
    freeze,
    freezing_of,
    is_media,
    output_extension,
    submit,
    submit_entry,
)
from nstd.intake.watcher import scan_once
from nstd.jobs.job import FileIdentity, Job, JobState
from nstd.jobs.store import SqliteJobStore
from nstd.media.encode import CONTAINERS
from nstd.media.files import facts_of
from nstd.media.image import STILL_SUFFIXES
from nstd.media.limits import Limits
from nstd.queue import UNFINISHED, daemon_lock, is_placed, open_ledger
from nstd.style.device import choose_devices
from nstd.style.recipe import StyleRecipe
from nstd.worker import Outcome, Worker, WorkerSettings

POLL_SECONDS = 0.5
"""Between two looks at jobs that a daemon works off for us."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one input.

    Attributes:
        source: The file.
        target: Where its result is, or would be.
        error: Why there is none, or None.
        kept: Whether it was painted before, and is left as it is.
        gone: Whether what was painted before is not there any more: taken away, it is no longer
            nstd's, and is painted again only if that is asked for.
    """

    source: Path
    target: Path | None
    error: NstdError | None
    kept: bool = False
    gone: bool = False


def make_worker(config: Config, store: SqliteJobStore, device: str, observer: Observer) -> Worker:
    """A worker on one device, as configured.

    Raises:
        DeviceError: The device is missing or does not answer.
    """
    (info,) = choose_devices((device,))
    return Worker(store, info, worker_settings(config), observer)


def crew(config: Config) -> dict[str, WorkerSettings]:
    """What the daemon's workers go by: one on each device, by its name.

    Raises:
        DeviceError: A configured device is missing.
    """
    devices = choose_devices(None if config.devices == "auto" else config.devices)
    kinds = {one.name: (one.name.partition(":")[0], one.processor) for one in devices}
    settings = worker_settings(config, grace_seconds=config.grace_seconds)
    found = {}
    for name, own in kinds.items():
        others = tuple(sorted({kind for kind in kinds.values() if kind != own}))
        found[name] = replace(settings, reserved=others)
    return found


def worker_settings(config: Config, *, grace_seconds: float = 0.0) -> WorkerSettings:
    """What a worker goes by, as configured."""
    return WorkerSettings(
        state_dir=config.state_dir,
        cache_dir=config.cache_dir,
        threads=worker_threads(config),
        grace_seconds=grace_seconds,
        refuse_upgrade=config.after_upgrade == "refuse",
    )


def device_names(config: Config) -> tuple[str, ...]:
    """The devices to work on, by name; all are there.

    Raises:
        DeviceError: A configured one is missing.
    """
    wanted = None if config.devices == "auto" else config.devices
    return tuple(device.name for device in choose_devices(wanted))


def worker_threads(config: Config) -> int:
    """CPU threads of each worker."""
    return (os.cpu_count() or 1) if config.threads == "auto" else config.threads


def stylize(
    config: Config,
    inputs: Sequence[Path],
    recipe: StyleRecipe,
    output: OutputSpec,
    destination: Path,
    observer: Observer,
) -> list[Result]:
    """Paint files right now, one after the other.

    It has its own ledger, apart from the daemon's: what was begun and stopped is continued when
    the same is asked for again, and what is finished of it is left as it is.

    Args:
        config: For its folders, devices and threads.
        inputs: Films, pictures, and folders of such.
        recipe: The look.
        output: How to encode.
        destination: A file for one input, or a folder.
        observer: Who looks on.

    Raises:
        UsageError: Several inputs go to one file, or an output is there already.
        DeviceError: The device is missing.

    Returns:
        What became of each input; where the observer asked to stop, the last says so.
    """
    sources = expand(inputs)
    pairs = _pair(sources, destination, output)
    own = config.model_copy(update={"state_dir": config.state_dir / "stylize"})
    with SqliteJobStore(own.state_dir / "ledger.sqlite3") as store:
        for _, target in pairs:
            if target.exists() and not output.overwrite and not _is_ours(store, target):
                raise OutputExistsError(f"{target} is there already")
        recipe = freeze(recipe, freezing_of(own, recipe))
        worker = make_worker(own, store, device_names(config)[0], observer)
        worker.clear_up_all()
        wanted = [_submission(source, target, recipe, output) for source, target in pairs]
        return _until_stopped(_stylize_one(own, store, worker, one) for one in wanted)


def batch(config: Config, paths: Sequence[Path], observer: Observer) -> list[Result]:
    """Paint everything in the watched folders, the batch list, `paths` and what was added, once.

    What has failed before is tried again. With a daemon on the same state folder the work is
    queued with it and waited for.

    Args:
        config: What to paint, and how.
        paths: More films; each must lie in a watched folder, or there must be one batch entry alone
            to go by.
        observer: Who looks on.

    Raises:
        UsageError: A path belongs to no folder and no batch entry, or none of these is given.
        DeviceError: A device is missing.

    Returns:
        What became of each input; where the observer asked to stop, the last says so.
    """
    found, named = _found_work(config), _named_work(config, paths)
    with open_ledger(config) as store:
        # What nstd has painted itself is painted again only where that very file is named.
        fresh = [one for one in found if not store.is_output(bytes(one[2]))]
        work = list(dict.fromkeys([*fresh, *named]))
        if not (work or config.folders or config.batch or _placed_jobs(store)):
            raise UsageError(
                "There is nothing to paint",
                "Add folders or a batch list to config.yaml, or name films",
            )
        results, jobs = [], []
        for entry, folder, source in work:
            try:
                queued = submit_entry(store, config, entry, folder, source)
                jobs += [_tried_again(store, job) for job, _ in queued]
            except LedgerError:
                raise
            except NstdError as error:
                results.append(Result(source, None, error))
        jobs += _placed_jobs(store)
        return results + _until_stopped(_finished(config, store, jobs, observer))


def _finished(
    config: Config, store: SqliteJobStore, jobs: Sequence[Job], observer: Observer
) -> Iterator[Result]:
    """The jobs' results: worked off here, or waited for as long as another process works."""
    worker: Worker | None = None
    with ExitStack() as stack:
        for job in jobs:
            while worker is None and _is_awaited(store.get(job.id)):
                with ExitStack() as attempt:
                    if attempt.enter_context(daemon_lock(config, required=False)):
                        stack.push(attempt.pop_all())
                        worker = make_worker(config, store, device_names(config)[0], observer)
                        worker.clear_up_all()
                if observer.stopping:
                    stopped = Interrupted("Waiting was stopped", "The other nstd goes on by itself")
                    yield Result(*_paths(job), stopped)
                    return
                if worker is None:
                    time.sleep(POLL_SECONDS)
            result = _ended(store, job) if worker is None else _work_off(store, worker, job)
            before = job.state is JobState.DONE
            yield _kept(result, path_of(job.request.target)) if before else result


def _kept(result: Result, target: Path) -> Result:
    """The result of what was painted before, and whether that is still there."""
    try:
        return replace(result, kept=True, gone=facts_of(target) is None)
    except NstdError as error:
        return replace(result, error=error)


def _is_awaited(job: Job) -> bool:
    """Whether a job will come to its end by itself."""
    return job.state in UNFINISHED and not (job.paused and job.state is JobState.QUEUED)


def _until_stopped(results: Iterator[Result]) -> list[Result]:
    """All results up to the one that was interrupted, if any."""
    found: list[Result] = []
    for result in results:
        found.append(result)
        if isinstance(result.error, Interrupted):
            break
    return found


def _stylize_one(
    config: Config, store: SqliteJobStore, worker: Worker, wanted: Submission
) -> Result:
    try:
        job, _ = submit(store, wanted, freezing_of(config, wanted.recipe))
        if job.state is JobState.DONE:
            if not wanted.output.overwrite and _has_put(job, wanted.target):
                return Result(wanted.source, wanted.target, None, kept=True)
            job, _ = store.enqueue(job.request, again=True)
        elif job.state in {JobState.FAILED, JobState.CANCELED, JobState.VANISHED, JobState.QUEUED}:
            job = store.retry(job.id)
    except NstdError as error:
        return Result(wanted.source, wanted.target, error)
    return _work_off(store, worker, job)


def _placed_jobs(store: SqliteJobStore) -> list[Job]:
    """What was added with an output of its own, and waits; no folder or batch entry names it."""
    queued = reversed(store.jobs({JobState.QUEUED}))
    return [job for job in queued if is_placed(job.request.key) and not job.paused]


def _tried_again(store: SqliteJobStore, job: Job) -> Job:
    # A queued one may wait for its next try; who asks for it by hand has mended what was wrong.
    again = {JobState.FAILED, JobState.VANISHED, JobState.QUEUED}
    return store.retry(job.id) if job.state in again else job


def _work_off(store: SqliteJobStore, worker: Worker, job: Job) -> Result:
    source, target = _paths(job)
    if store.get(job.id).state is JobState.DONE:
        return Result(source, target, None)
    try:
        outcome: Outcome | None = worker.work_one(job.id)
    except BusyError as error:
        return Result(source, target, error)
    if outcome is None:
        return Result(source, target, _why_not(store.get(job.id)))
    if isinstance(outcome.error, Interrupted) and outcome.job.paused:
        return Result(source, target, _why_not(outcome.job))  # the others are still painted
    return Result(source, target, outcome.error)


def _ended(store: SqliteJobStore, job: Job) -> Result:
    source, target = _paths(job)
    now = store.get(job.id)
    return Result(source, target, None if now.state is JobState.DONE else _why_not(now))


def _why_not(job: Job) -> NstdError:
    """Why a job cannot be started, as an error."""
    if job.paused:
        return InputError(
            f"Job {job.id} was not painted: it is paused", f"`nstd resume {job.id}` ends that"
        )
    reason = (job.error or job.hold_reason or f"It is {job.state}").removesuffix(".")
    return InputError(f"Job {job.id} was not painted: {reason}", "The same command tries it again")


def expand(inputs: Sequence[Path]) -> list[Path]:
    """Absolute paths, with folders replaced by the films and pictures in them.

    Raises:
        UsageError: There is no such path, or a folder holds no film and no picture.
    """
    found: list[Path] = []
    for given in inputs:
        path = absolute(given)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file() and is_media(p))
            if not inside:
                raise UsageError(f"There is no film and no picture in {given}", "Name another")
            found += inside
        elif not path.exists():
            raise UsageError(f"There is no {given}", "Check the path")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def absolute(path: Path) -> Path:
    """The same path without `..`; symbolic links stay: a link's name is the user's choice."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps the `..`


def _pair(
    sources: Sequence[Path], destination: Path, output: OutputSpec
) -> list[tuple[Path, Path]]:
    """Each source with its target."""
    destination = absolute(destination)
    into_folder = destination.is_dir() or not destination.suffix
    if not into_folder and len(sources) > 1:
        raise UsageError(
            f"{len(sources)} inputs cannot all become {destination.name}", "Give a folder with -o"
        )
    pairs = []
    taken: set[Path] = set()
    for source in sources:
        target = destination
        if into_folder:
            extension = output_extension(source, output.encode)
            stems = itertools.chain(
                [source.stem, source.name], (f"{source.name}-{n}" for n in itertools.count(2))
            )
            targets = (destination / f"{stem}.{extension}" for stem in stems)
            target = next(target for target in targets if target not in taken)
        _check_target(source, target, output)
        if target in sources:
            raise UsageError(f"{target} is itself a film to be painted", "Choose another output")
        taken.add(target)
        pairs.append((source, target))
    return pairs


def _is_ours(store: SqliteJobStore, target: Path) -> bool:
    """Whether the file at `target` is one that an earlier run has put there."""
    return any(_has_put(job, target) for job in store.jobs_for_target(os.fsencode(target)))


def _has_put(job: Job, target: Path) -> bool:
    """Whether the file at `target` is the one that `job` has put there."""
    if job.part is None or not target.exists():
        return False
    return FileIdentity.from_stat(target.stat()).same_content(job.part)


def _check_target(source: Path, target: Path, output: OutputSpec) -> None:
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target} is the film itself", "Choose another output")
    fitting, suffix = STILL_SUFFIXES, target.suffix.lower()
    if source.suffix.lower() not in STILL_SUFFIXES:
        films = frozenset(f".{name}" for name in CONTAINERS)
        # The name chooses the container, if that is not chosen already.
        fitting = frozenset({f".{output.encode.container}"}) if suffix in films else films
    if suffix not in fitting:
        raise UsageError(
            f"{source.name} cannot be painted as {target.name}",
            f"Choose a name that ends in {' or '.join(sorted(fitting))}",
        )


def _submission(source: Path, target: Path, recipe: StyleRecipe, output: OutputSpec) -> Submission:
    # The same command is the same work; another style, frame range or target is another.
    # What a network is called is no part of it: its content is.
    recipe_wish = replace(recipe, network_name=None).to_json()
    output_wish = output.to_json()
    if output.limits == Limits():  # what was begun before there were limits is the same work
        del output_wish["limits"]
    wish = json.dumps([recipe_wish, output_wish, str(target)], sort_keys=True)
    digest = hashlib.sha256(wish.encode("utf-8", "surrogateescape")).hexdigest()
    return Submission(
        source=source,
        folder=source.parent,
        recipe_name=f"stylize {digest[:16]}",
        recipe=recipe,
        output=output,
        target=target,
    )


Work = tuple[Entry, Path, Path]
"""A file to be painted: the entry it belongs to, the base of its relative path, and itself."""


def _found_work(config: Config) -> list[Work]:
    """What there is in the watched folders, and what the batch list's patterns find."""
    work: list[Work] = []
    for folder in config.folders:
        found = scan_once(watched_folder(folder), settle_seconds=config.settle_seconds)
        work += [(folder, folder.watch, path) for path in sorted(found) if is_media(path)]
    for entry in config.batch:
        work += [(entry, path.parent, path) for path in _globbed(entry)]
    return work


def _named_work(config: Config, paths: Sequence[Path]) -> list[Work]:
    return [_owner(config, absolute(path)) for path in paths]


def watched_folder(folder: FolderConfig) -> WatchedFolder:
    """The configuration's folder as the watcher wants it."""
    return WatchedFolder(
        path=folder.watch,
        recursive=folder.recursive,
        patterns=folder.pattern or ("*",),
        marker=folder.marker,
    )


def watching_folder(config: Config, path: Path) -> FolderConfig | None:
    """The watched folder that a file belongs to, or None."""
    return next((one for one in config.folders if watched_folder(one).accepts(path)), None)


def _globbed(entry: BatchConfig) -> list[Path]:
    names = itertools.chain.from_iterable(
        glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        for pattern in entry.input
    )
    found = {Path(name) for name in names if not name.endswith(SIDECAR_SUFFIX)}
    return sorted(path for path in found if path.is_file())


def _owner(config: Config, path: Path) -> Work:
    folder = watching_folder(config, path)
    if folder is not None:
        return folder, folder.watch, path
    if len(config.batch) == 1:
        return config.batch[0], path.parent, path
    raise UsageError(
        f"{path} lies in no watched folder, and there is no single batch entry to go by",
        "Use `nstd stylize`, or add an entry to config.yaml",
    )


def _paths(job: Job) -> tuple[Path, Path]:
    return path_of(job.request.source), path_of(job.request.target)
