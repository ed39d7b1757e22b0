"""Jobs as text, as tables and as data."""

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nstd.cli.options import error_data, style_names
from nstd.cli.unpainted import unpainted_lines
from nstd.config import Config
from nstd.config.words import duration_text
from nstd.errors import visible
from nstd.ledger.job import Event, Job, JobState, Segment
from nstd.submit.control import Answer, Details, Overview, Running, is_held, reason, seconds_spent
from nstd.submit.sources import recipe_name

if TYPE_CHECKING:
    from nstd.submit.add import Added

MOST_HELD = 8
"""`status` names at most this many held jobs, to fit on a screen."""

UNBOUNDED = 100_000
"""Width where output is not a terminal: programs read those lines, so they are never cut."""


def standing(job: Job) -> str:
    """A job's state in a word or two."""
    return f"{job.state}, paused" if job.paused else str(job.state)


def frames(job: Job) -> str:
    """How many of its frames are painted."""
    if not job.frames_total:
        return str(job.frames_done) if job.frames_done else ""
    return f"{job.frames_done}/{job.frames_total}"


def print_table(jobs: Sequence[Job]) -> None:
    """Jobs as a table on standard output."""
    terminal = sys.stdout.isatty()
    rows = [("job", "state", "film", "recipe", "frames", "reason"), *map(_row, jobs)]
    widths = _fitted([len(max(column, key=len)) for column in zip(*rows, strict=True)], _width())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, width in zip(rows[0], widths, strict=True):
        justify: Literal["left", "right"] = "right" if name in {"job", "frames"} else "left"
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", max_width=width)
    for row in rows[1:]:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(file=io.StringIO(), force_terminal=terminal, width=_width())
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


_UNKNOWN_AT_0 = frozenset({"duration", "frames", "peak"})
"""Facts of a film that are 0 where they are unknown, or where there is none."""


def overview_text(found: Overview, config: Config) -> str:
    """The queue, on one screen."""
    who = "An nstd works" if found.working else "No nstd works"
    counts = [f"{number} {state}" for state, number in found.counts.items() if number]
    lines = [f"{who} on {visible(str(config.state_dir))}", ", ".join(counts) or "No job yet"]
    lines += [f"  {line}" for line in _daemon_lines(found.daemon or {})]
    lines += _section("Running" if found.working else "Left by a process that ended", found.running)
    lines += [f"  {_running_line(one)}" for one in found.running]
    lines += _section("Held", found.held)
    lines += [f"  {_held_line(job, found.now)}" for job in found.held]
    if found.held_count > len(found.held):
        more = found.held_count - len(found.held)
        lines.append(f"  and {more} more: nstd jobs --state queued")
    lines += _section("Worth knowing", found.noted)
    lines += [f"  {_noted_line(job)}" for job in found.noted]
    lines += unpainted_lines(found.daemon or {})
    if not found.working and (found.waiting or found.running):
        lines.append("What waits is painted by `nstd run` or `nstd batch`")
    if found.counts[JobState.FAILED]:
        lines.append(
            "Why jobs failed: nstd jobs --state failed; to dismiss them: nstd cancel --failed"
        )
    return "\n".join(lines)


def details_text(found: Details) -> str:
    """Everything of a job, a line each."""
    job = found.job
    lines = [f"{name + ':':12}{text}" for name, text in _facts(job) if text]
    lines += _mapping("Look", _recipe(job.request.recipe))
    lines += _mapping("Output", job.request.output)
    lines += _mapping("Plan", job.plan or {})
    found_out = dict(job.report)
    for marks in ("pictures", "earlier"):  # a line for each picture of a film
        found_out.pop(marks, None)
    fates = found_out.pop("keeping", {}).get("fates", [])
    lines += _mapping("Found", found_out)
    lines += _section("Beside the pictures", fates)
    lines += [f"  {visible(fate['sentence'])}" for fate in fates]
    lines += _section("Segments", found.segments)
    lines += [f"  {_segment_line(segment)}" for segment in found.segments]
    lines += _section("History", found.events)
    lines += [f"  {_event_line(event)}" for event in found.events]
    return "\n".join(lines)


def file_text(facts: Mapping[str, Any]) -> str:
    """Everything of a film or picture, a line each."""
    own = {key: value for key, value in facts.items() if key != "painted" and _says(key, value)}
    lines = _mapping(visible(own.pop("file")), own)
    painted = facts["painted"]
    if painted is None:
        return "\n".join([*lines, "It does not say that nstd has painted it"])
    lines.append(f"It says that nstd {visible(painted['nstd'])} has painted it")
    return "\n".join([*lines, *_mapping("Recipe", painted["recipe"])])


def _says(key: str, value: Any) -> bool:
    """Whether a fact tells something of a file: what is unknown does not, nor how it was read."""
    unknown = value in ("", "unknown") or (isinstance(value, list | tuple) and not value)
    return key != "accepts_truncated" and not unknown and not (key in _UNKNOWN_AT_0 and value == 0)


def job_data(job: Job) -> dict[str, Any]:
    """A job as data."""
    return {
        "job": job.id,
        "state": str(job.state),
        "paused": job.paused,
        "source": visible(job.request.source),
        "target": visible(job.request.target),
        "recipe": recipe_name(job.request.key),
        "priority": job.request.priority,
        "frames_done": job.frames_done,
        "frames_total": job.frames_total,
        "styles": style_names(job),
        "reason": reason(job) or None,
        "kind": job.kind,
        "note": job.request.note or None,
        "attempts": job.attempts,
        "created": _stamp(job.created),
        "updated": _stamp(job.updated),
        "not_before": _stamp(job.not_before) if job.not_before else None,
    }


def overview_data(found: Overview, config: Config) -> dict[str, Any]:
    """The queue as data."""
    return {
        "state_dir": visible(str(config.state_dir)),
        "working": found.working,
        "counts": {str(state): number for state, number in found.counts.items()},
        "running": [
            job_data(one.job) | {"seconds_left": one.seconds_left} for one in found.running
        ],
        "held": [job_data(job) for job in found.held],
        "noted": [job_data(job) for job in found.noted],
        "daemon": found.daemon,
    }


def details_data(found: Details) -> dict[str, Any]:
    """Everything of a job as data."""
    request = found.job.request
    return job_data(found.job) | {
        "folder": visible(request.key.folder),
        "fingerprint": request.key.fingerprint,
        "worker": found.job.worker,
        "seconds": round(seconds_spent(found.job, found.events), 3),
        "recipe_frozen": request.recipe,
        "output": request.output,
        "plan": found.job.plan,
        "report": found.job.report,
        "segments": [asdict(segment) for segment in found.segments],
        "events": [
            {
                "at": _stamp(event.at),
                "before": event.before,
                "after": event.after,
                "worker": event.worker,
                "reason": event.reason,
            }
            for event in found.events
        ],
    }


def answer_data(answer: Answer) -> dict[str, Any]:
    """What came of a wish for one job, as data."""
    job = None if answer.job is None else job_data(answer.job)
    return error_data(answer.error) | (job or {"job": answer.number})


def added_data(added: "Added") -> dict[str, Any]:
    """What came of a file that was to be queued, as data."""
    job = {"source": visible(str(added.source))} if added.job is None else job_data(added.job)
    return error_data(added.error) | job | {"new": added.new}


def _daemon_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The lines that tell how the daemon fares, where there is something to tell."""
    for problem in report.get("problems", []):
        yield visible(problem)
    reading = report.get("reading", [])
    for path in reading[:MOST_HELD]:
        yield f"Reading {visible(path)}: its content is not known yet"
    if len(reading) > MOST_HELD:
        yield f"and {len(reading) - MOST_HELD} more"
    for worker in report.get("workers", []):
        if worker["replaced"]:
            yield f"The worker on {worker['device']} was replaced {worker['replaced']} times"
        if worker.get("problem"):
            yield f"A worker on {worker['device']} cannot be started: {visible(worker['problem'])}"
        elif not worker["ready"]:
            yield f"The worker on {worker['device']} is getting ready"
    if report.get("lost_events"):
        yield f"{report['lost_events']} files were found by a scan that no event had told of"


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    key = job.request.key
    yield "Job", str(job.id)
    yield "State", standing(job)
    yield "Reason", visible(reason(job))
    yield "Note", visible(job.request.note) if reason(job) != job.request.note else ""
    yield "Source", visible(job.request.source)
    yield "Target", visible(job.request.target)
    yield "Recipe", visible(recipe_name(key))
    yield "Frames", frames(job)
    yield "Attempts", str(job.attempts)
    yield "Priority", str(job.request.priority)
    yield "Queued", _local(job.created)
    yield "Changed", _local(job.updated)
    yield "Not before", _local(job.not_before) if job.not_before else ""
    yield "Worker", visible(job.worker or "")
    yield "Content", key.fingerprint


def _recipe(frozen: Mapping[str, Any]) -> dict[str, Any]:
    """A frozen recipe, with names before hashes: its files are copies named by their hash."""
    found = dict(frozen)
    name = found.pop("network_name", None)
    if name:
        found = {"network": f"{name} ({found.pop('network', '')})"} | found
    return {"styles": [_style(one) for one in found.pop("styles", [])]} | found


def _style(frozen: Mapping[str, Any]) -> str:
    """A style by its name, with weight and scale where they are not 1."""
    facts = [f"{key} {frozen[key]:g}" for key in ("weight", "scale") if frozen.get(key, 1.0) != 1.0]
    name = frozen.get("name") or frozen.get("image", "")
    return f"{name} ({', '.join(facts)})" if facts else str(name)


def _mapping(title: str, values: Mapping[str, Any]) -> list[str]:
    lines = [
        f"  {visible(key)}: {visible(_words(value))}"
        for key, value in values.items()
        if value is not None
    ]
    return [f"{title}:", *lines] if lines else []


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_words(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, list | tuple):
        return ", ".join(_words(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _section(title: str, rows: Sequence[object]) -> list[str]:
    return [f"{title}:"] if rows else []


def _running_line(one: Running) -> str:
    job = one.job
    parts = [f"job {job.id}", visible(job.request.key.relative), recipe_name(job.request.key)]
    parts += [standing(job)] if job.paused or job.state is JobState.PUBLISHING else []
    parts += [f"{frames(job)} frames"] if frames(job) else []
    parts += (
        [f"about {duration_text(max(1, one.seconds_left))} left"]
        if one.seconds_left is not None
        else []
    )
    return "  ".join(parts)


def _held_line(job: Job, now: float) -> str:
    line = f"job {job.id}  {visible(job.request.key.relative)}  {visible(reason(job))}".rstrip()
    if job.not_before > now and not job.paused and is_held(job, now):
        line += f"  (again in {duration_text(max(1, job.not_before - now))})"
    return line


def _noted_line(job: Job) -> str:
    return f"job {job.id}  {visible(job.request.key.relative)}  {visible(job.request.note)}"


def _segment_line(segment: Segment) -> str:
    last = "" if segment.last is None else segment.last
    state = segment.path if segment.complete else "open"
    return f"{segment.index + 1}  frames {segment.first}–{last}  {state}"


def _event_line(event: Event) -> str:
    way = str(event.after)
    if event.before is not None and event.before is not event.after:
        way = f"{event.before} → {event.after}"
    return f"{_local(event.at)}  {way}  {visible(event.reason)}".rstrip()


def _local(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _row(job: Job) -> tuple[str, ...]:
    key = job.request.key
    cells = (key.relative, recipe_name(key), frames(job), reason(job))
    return (str(job.id), standing(job), *(visible(cell) for cell in cells))


def _fitted(widths: Sequence[int], width: int) -> list[int]:
    """Columns' widths: numbers and states whole, the others cut to what is left for them.

    By itself, rich shrinks every column that may not wrap, and numbers disappear.
    """
    number, state, film, recipe, count, why = widths
    left = width - number - state - count - 2 * (len(widths) - 1)
    film = min(film, max(8, left * 2 // 5))
    recipe = min(recipe, max(6, left // 5))
    return [number, state, film, recipe, count, min(why, max(6, left - film - recipe))]


def _width() -> int:
    return Console().width if sys.stdout.isatty() else UNBOUNDED
