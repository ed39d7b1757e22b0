"""The tables of containers and codecs agree with each other, and nothing else tells them apart."""

import ast
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

import nstd
from nstd.media.write.codecs import CODECS
from nstd.media.write.containers import CONTAINERS, Container, container_of

TABLES = {"containers.py", "codecs.py", "encoders.py"}
FILMS = [one for one in CONTAINERS.values() if one.pictures is None]


@pytest.mark.parametrize("one", FILMS, ids=lambda one: one.name)
def test_a_container_of_films_has_a_muxer_and_codecs_that_there_are(one: Container) -> None:
    assert av.ContainerFormat(one.format, "w").is_output
    assert one.codecs
    assert set(one.codecs) <= set(CODECS)


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_goes_into_what_takes_it_and_has_an_estimate_of_each_profile(name: str) -> None:
    codec = CODECS[name]
    taking = {one.name for one in FILMS if name in one.codecs}
    assert set(codec.containers) == taking
    assert set(codec.bits) == {layout.profile for layout in codec.layouts}
    assert 0 <= codec.quality <= codec.worst


@pytest.mark.parametrize(
    ("suffix", "name"),
    [(".mp4", "mp4"), (".MKV", "mkv"), (".tiff", "tif"), (".jpeg", "jpg"), (".gif", "gif")],
)
def test_a_suffix_means_a_container(suffix: str, name: str) -> None:
    assert container_of(suffix) is CONTAINERS[name]


@pytest.mark.parametrize("suffix", ["", ".", ".avi", "mp4", ".bmp"])
def test_other_suffixes_mean_none(suffix: str) -> None:
    assert container_of(suffix) is None


def test_what_each_can_do_is_asked_of_its_entry_and_never_of_its_name() -> None:
    package = Path(nstd.__file__).parent
    asked = [
        f"{path.relative_to(package)}:{line}"
        for path in package.rglob("*.py")
        # How ffmpeg calls that which a source has is another question.
        if path.name not in TABLES and path.parent.name != "read"
        for line in _comparisons(path.read_text("utf-8"))
    ]
    assert asked == []


def _comparisons(source: str) -> Iterator[int]:
    """Lines in which something is compared with the name of a container or codec."""
    names = {*CONTAINERS, *CODECS}
    if not any(f'"{name}"' in source for name in names):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare | ast.MatchValue):
            constants = (one for one in ast.walk(node) if isinstance(one, ast.Constant))
            if any(isinstance(one.value, str) and one.value in names for one in constants):
                yield node.lineno
