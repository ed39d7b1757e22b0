"""`add`: films and pictures queued by name, for a daemon or `batch` to paint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nstd.config import BatchConfig, Config, named_recipe
from nstd.errors import LedgerError, NstdError, UsageError, contained
from nstd.ledger.job import Job, JobRequest, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.names import is_media, why_no_media
from nstd.submit.control import UNFINISHED, open_ledger
from nstd.submit.freeze import entry_requests, with_name
from nstd.submit.inputs import absolute, batch_folder, expand, ready_folder, watching_folder
from nstd.submit.names import Entry, naming, require_replaceable
from nstd.submit.output import OutputSpec
from nstd.submit.sources import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for besides the files.

    Attributes:
        recipes: Names; empty for those of the file's folder.
        output: The folder that results go to, or None for that of the file's folder.
        again: Whether to queue again what is done, has failed or was canceled.
        overwrite: Replace an output that is there already.
        priority: Higher is painted sooner; None keeps a job's own, or gives a new job its folder's.
    """

    recipes: tuple[str, ...] = ()
    output: Path | None = None
    again: bool = False
    overwrite: bool = False
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What came of one file and recipe.

    Attributes:
        source: The file.
        job: The job for it, or None.
        new: Whether it was queued now.
        error: Why there is no job, or None.
    """

    source: Path
    job: Job | None
    new: bool
    error: NstdError | None


def add(config: Config, paths: Sequence[Path], wish: Wish) -> list[Added]:
    """Queue films and pictures; what is queued or done already is not queued twice.

    Each file either lies in a watched folder and is painted as the folder's entry says, or is given
    recipes and an output folder, or belongs to the only batch entry.

    Args:
        config: Watched folders, recipes, the ledger.
        paths: Films, pictures, and folders of such.
        wish: What is asked for besides.

    Returns:
        One value for each file and recipe; a file that could not be queued has one with the error.

    Raises:
        UsageError: A file belongs nowhere, or the wish contradicts its folder; nothing is queued.
        MountError: The output folder that is wished for is not there; nothing is queued.
        LedgerError, StorageError: The ledger cannot be used.
    """
    candidates = [_candidate(config, source, wish) for source in expand(paths)]
    added: list[Added] = []
    with open_ledger(config) as store:
        for candidate in candidates:
            try:
                with contained(candidate.source, "queueing"):
                    added += _add_one(store, config, candidate, wish)
            except LedgerError:
                raise
            except NstdError as error:
                added.append(Added(candidate.source, None, new=False, error=error))
    return added


def _add_one(store: JobStore, config: Config, candidate: Candidate, wish: Wish) -> list[Added]:
    entry, source = candidate.entry, candidate.source
    if wish.overwrite:
        entry = entry.model_copy(update={"overwrite": True})
    requests = entry_requests(store, config, replace(candidate, entry=entry))
    if wish.overwrite:
        # A person may replace any file; `overwrite` in a configuration only nstd's own outputs.
        requests = [
            replace(request, output=request.output | {"only_own": False}) for request in requests
        ]
    with naming(config.state_dir):
        requests = [
            with_name(store, config, entry, name, request)
            for name, request in zip(candidate.recipes, requests, strict=True)
        ]
        for request in requests:
            before = store.find(request.key)
            if before is None or _is_queued_anew(before, wish):
                _require_free(store, request)
        return [_queue(store, source, request, wish) for request in requests]


def _queue(store: JobStore, source: Path, request: JobRequest, wish: Wish) -> Added:
    wanted = request if wish.priority is None else replace(request, priority=wish.priority)
    job, new = store.enqueue(wanted, again=wish.again)
    if wish.priority is not None and job.request.priority != wish.priority:
        job = store.prioritize(job.id, wish.priority) if job.state in UNFINISHED else job
    return Added(source, job, new, None)


def _is_queued_anew(job: Job, wish: Wish) -> bool:
    return job.state is JobState.VANISHED or (wish.again and job.state not in UNFINISHED)


def _candidate(config: Config, source: Path, wish: Wish) -> Candidate:
    if not is_media(source):
        raise UsageError(f"{source} {why_no_media(source).removeprefix('it ')}", "Name another")
    for name in wish.recipes:
        named_recipe(config, name)
    folder = watching_folder(config, source)
    if folder is not None:
        if wish.output is not None:
            raise UsageError(
                f"{source} lies in the watched folder {folder.watch}, whose output is "
                f"{folder.output}",
                "Leave -o out, or use `nstd stylize`",
            )
        recipes = _some(folder, wish, str(folder.watch))
        return Candidate(folder, folder.watch, source, named=True, only=recipes)
    if wish.output is not None and wish.recipes:
        entry = _made_entry(config, source, wish)
        return Candidate(entry, source.parent, source, named=True, made=True, only=wish.recipes)
    if len(config.batch) == 1 and wish.output is None:
        (only,) = config.batch
        recipes = _some(only, wish, "the batch entry")
        return Candidate(only, batch_folder(only, source), source, named=True, only=recipes)
    raise UsageError(
        f"{source} lies in no watched folder",
        "Move it into one, or say both -o FOLDER and --recipe NAME",
    )


def _some(entry: Entry, wish: Wish, owner: str) -> tuple[str, ...]:
    """Those of an entry's recipes that the wish names; all of them if it names none."""
    for name in wish.recipes:
        if name not in entry.recipes:
            has = ", ".join(entry.recipes)
            raise UsageError(f"{owner} is not painted in {name}", f"Its recipes: {has}")
    return wish.recipes or entry.recipes


def _made_entry(config: Config, source: Path, wish: Wish) -> BatchConfig:
    """An entry for one file, as if it stood in the configuration."""
    output = absolute(wish.output or Path())
    if is_media(output) and not output.is_dir():
        raise UsageError(f"-o {wish.output} is the name of a file", "Give a folder")
    for folder in config.folders:
        if output.resolve().is_relative_to(folder.watch.resolve()):
            raise UsageError(
                f"-o {wish.output} lies in the watched folder {folder.watch}",
                "Choose another: what is painted would be found there as a new film",
            )
    ready_folder(output, wish.output or Path())
    return BatchConfig.model_validate(
        {"input": str(source), "output": str(output), "recipes": list(wish.recipes)}
    )


def _require_free(store: JobStore, request: JobRequest) -> None:
    """Raise now what would otherwise only fail when the job is started."""
    source, target = path_of(request.source), path_of(request.target)
    if (target.exists() and target.samefile(source)) or store.is_source(request.target):
        raise UsageError(f"{target} is itself a film to be painted", "Choose another output")
    require_replaceable(store, target, OutputSpec.from_json(request.output))
