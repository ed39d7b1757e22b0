"""What the shell completes: values of options and arguments, as far as they can be known.

Where nothing is offered, the shell completes file names.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from nstd.config import load_config
from nstd.errors import NstdError, visible
from nstd.gallery import list_styles
from nstd.ledger.job import JobState
from nstd.media.names import READ_FORMATS
from nstd.style.keys import OneOf
from nstd.style.ladder import FORMATS

Offer = tuple[str, str]
"""A value, and what it is in a few words."""
Completer = Callable[[typer.Context, str], list[Offer]]

MOST_JOBS = 100
"""At most this many jobs are offered, the newest: nobody looks through more."""

NETWORKS = ("pocket", "vgg19")
"""The one that ships, and the one that can be fetched."""


def words(*offered: str) -> Completer:
    """Offer these words; in a list with commas, complete the last one."""

    def complete(ctx: typer.Context, incomplete: str) -> list[Offer]:
        del ctx
        head = incomplete[: incomplete.rfind(",") + 1]
        return [(head + word, "") for word in offered]

    return complete


def values_of(key: str, kind: Any) -> Completer | None:
    """Offer the values of a key of the configuration; None where its values are not words.

    Args:
        key: The key.
        kind: Its type, which may consist of words.
    """
    special = {"size": words(*FORMATS), "network": networks}
    known = tuple(_words_in(kind))
    return special.get(key) or (words(*known) if known else None)


def _quiet(find: Callable[[typer.Context], Iterable[Offer]]) -> Completer:
    """Offer what is found, and nothing on an error: pressing Tab must not print a message."""

    def complete(ctx: typer.Context, incomplete: str) -> list[Offer]:
        del incomplete  # typer leaves out what does not begin with the typed text
        with redirect_stderr(io.StringIO()):
            try:
                return list(find(ctx))
            except (NstdError, OSError):
                return []

    return complete


@_quiet
def styles(_: typer.Context) -> Iterator[Offer]:
    """The styles that ship, and the pictures in the working folder."""
    yield from ((style.name, style.description) for style in list_styles())
    here = sorted(path.name for path in Path().iterdir() if path.suffix.lower() in READ_FORMATS)
    yield from ((name, "a picture") for name in here if not name.startswith("."))


@_quiet
def recipes(ctx: typer.Context) -> Iterator[Offer]:
    """The configuration's recipes."""
    for name, recipe in load_config(ctx.params.get("config")).recipes.items():
        yield name, ", ".join(style.image.stem for style in recipe.styles)


@_quiet
def networks(ctx: typer.Context) -> Iterator[Offer]:
    """What a recipe may call its network."""
    yield "auto", ""
    yield from _weights(ctx)


@_quiet
def weights(ctx: typer.Context) -> Iterator[Offer]:
    """Networks that have a file."""
    yield from _weights(ctx)
    yield "raft", "finds the flow"


@_quiet
def devices(_: typer.Context) -> Iterator[Offer]:
    """The devices of this machine, found without torch, which takes seconds to load."""
    yield "cpu", "the processor"
    found = (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))
    yield from ((f"cuda:{number}", "a GPU") for number in sorted(found, key=int))


def jobs(*states: JobState, paused: bool | None = None) -> Completer:
    """Offers the numbers of jobs in these states, or of all, the newest first.

    Args:
        states: The states; none for all.
        paused: Only jobs that are paused, or are not; None for both.
    """

    @_quiet
    def complete(ctx: typer.Context) -> Iterator[Offer]:
        from nstd.cli.options import Common
        from nstd.cli.queue import queue_of
        from nstd.submit.control import list_jobs

        given = ctx.params.get("jobs") or []
        config = queue_of(Common(config=ctx.params.get("config")))
        for job in list_jobs(config, states or None, MOST_JOBS):
            if job.id not in given and paused in {None, job.paused}:
                yield str(job.id), f"{job.state}: {visible(job.request.key.relative)}"

    return complete


def _weights(ctx: typer.Context) -> Iterator[Offer]:
    """The networks that ship or can be fetched, and those in the cache."""
    folder = load_config(ctx.params.get("config")).cache_dir / "weights"
    cached = sorted(path.stem for path in folder.glob("*.safetensors"))
    yield from ((name, "") for name in dict.fromkeys([*NETWORKS, *cached]))


def _words_in(kind: Any) -> Iterator[str]:
    """The words that a type allows."""
    if isinstance(kind, OneOf):
        yield from kind.names
    elif get_origin(kind) is Literal:
        yield from get_args(kind)
    else:
        for part in get_args(kind):
            yield from _words_in(part)
