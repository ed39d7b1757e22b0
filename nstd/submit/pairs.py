"""Files that are named, each with the file it becomes."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from nstd.errors import UnsupportedError, UsageError
from nstd.media.names import STILL_SUFFIXES, FileKind, is_numbered, kind_of, looks_like_media
from nstd.media.numbered import stem_of
from nstd.media.write.containers import FILMS, container_of
from nstd.media.write.numbered import first_of, for_one, has_pattern, names
from nstd.submit.frames import FrameRange
from nstd.submit.inputs import absolute, expand
from nstd.submit.names import output_extension
from nstd.submit.output import OutputSpec
from nstd.submit.sources import files_of, number_of


def pair(
    inputs: Sequence[Path], destination: str | Path, output: OutputSpec, frames: FrameRange
) -> list[tuple[Path, Path]]:
    """Each film or picture that is meant, with its target.

    Args:
        inputs: Films, pictures, and folders of such.
        destination: A file for one input, or a folder: one that is there, or a name that has no
            suffix or ends in a slash.
        output: How they are encoded.
        frames: Which frames of each are wanted.

    Raises:
        UsageError: An input is not there, one of them cannot become its target, or several would
            become one file.
    """
    sources = expand(inputs)
    if not frames.whole:
        _require_films(sources)
    named = os.fspath(destination)
    if named == "-":
        raise UsageError(
            "A film cannot be written to standard output: its file is gone back to at the end",
            "Name a file or a folder; -o ./- is one of that name",
        )
    destination = absolute(Path(named))
    into_folder = named.endswith("/") or destination.is_dir() or not destination.suffix
    if not into_folder and len(sources) > 1:
        raise UsageError(
            f"{len(sources)} inputs cannot all become {destination.name}", "Give a folder with -o"
        )
    pairs = []
    taken: list[Path] = []
    originals = [file for source in sources for file in files_of(source)]
    for source in sources:
        target, kind = destination, _kind(source)
        if into_folder:
            target = _free_name(source, kind, destination, output, taken)
        _check_target(source, target, output, kind)
        taken.append(target)
        if _is_numbered_film(kind, output):
            if has_pattern(target) and any(names(target, file) for file in originals):
                raise UsageError(
                    f"{target} would take the place of images to be painted",
                    "Choose another output",
                )
            _require_known(source)
            target = _numbered(source, target, frames)
        if target in sources or target in originals:
            raise UsageError(f"{target} is itself to be painted", "Choose another output")
        pairs.append((source, target))
    return pairs


def _free_name(
    source: Path, kind: FileKind | None, folder: Path, output: OutputSpec, taken: Sequence[Path]
) -> Path:
    """The name of an input's output in a folder, other than the names that are taken."""
    extension = "png" if kind is None else output_extension(source, output.encode)
    if _is_numbered_film(kind, output):
        extension = f"%06d.{output.encode.pictures}"
    stem = stem_of(source) if is_numbered(source) else source.stem
    stems = itertools.chain([stem, source.name], (f"{source.name}-{n}" for n in itertools.count(2)))
    targets = (folder / f"{stem}.{extension}" for stem in stems)
    return next(
        target
        for target in targets
        if not any(names(target, one) or names(one, target) for one in taken)
    )


def _is_numbered_film(kind: FileKind | None, output: OutputSpec) -> bool:
    """Whether an input becomes numbered pictures."""
    return kind is not None and not kind.still and output.encode.numbered


def _numbered(source: Path, target: Path, frames: FrameRange) -> Path:
    """The first frame's file if the name stands for numbered ones and the number is known."""
    if frames.timed:
        return target
    first, last = frames.numbers()
    if last != first and not has_pattern(target):
        raise for_one(target)
    return first_of(target, number_of(source, first))


def _kind(source: Path) -> FileKind | None:
    """What an input is; None for a picture of a kind that is refused when its turn comes."""
    try:
        return kind_of(source)
    except UnsupportedError:
        return None


def _require_known(source: Path) -> None:
    """Raise for what is taken for a film only because it is nothing else that is known.

    It is called where a name does not fit a film: else the decoder may know better.
    """
    if not looks_like_media(source):
        raise UsageError(
            f"{source.name} is no film and no picture by its name or its first bytes",
            "Name another input",
        )


def _require_films(sources: Sequence[Path]) -> None:
    for source in sources:
        kind = _kind(source)
        if kind is not None and kind.still:
            raise UsageError(
                f"--frames chooses frames of films, and {source.name} is a picture",
                "Name films alone, or leave --frames out",
            )


def _check_target(source: Path, target: Path, output: OutputSpec, kind: FileKind | None) -> None:
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target} is the film itself", "Choose another output")
    if kind is None:
        return
    fitting, suffix = STILL_SUFFIXES, target.suffix.lower()
    named, asked = container_of(suffix), output.encode.result
    if not kind.still:
        fitting = frozenset(one.suffix for one in FILMS.values())
        if named is not None:
            # The name chooses the container, if that is not chosen already.
            suffix, fitting = named.suffix, frozenset({asked.suffix})
    if suffix not in fitting:
        _require_known(source)
        why, instead = "", ""
        if named is not None and not kind.still:
            why = f": the name says {named.name}, and the container asked for is {asked.name}"
            instead = ", or leave the container to the name"
        raise UsageError(
            f"{source.name} cannot be painted as {target.name}{why}",
            f"Choose a name that ends in {' or '.join(sorted(fitting))}, or in / for a folder"
            f"{instead}",
        )
