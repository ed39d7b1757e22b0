"""Which stream is painted: the first that is no cover."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from av.stream import Disposition

from nstd.errors import UnsupportedError
from nstd.media.read.probe import painted_stream

FILM = SimpleNamespace(disposition=Disposition.default)
COVER = SimpleNamespace(disposition=Disposition.attached_pic)
THUMBNAILS = SimpleNamespace(disposition=Disposition.attached_pic | Disposition.timed_thumbnails)


def container(*streams: SimpleNamespace) -> Any:
    return SimpleNamespace(streams=SimpleNamespace(video=streams))


@pytest.mark.parametrize("others", [[], [FILM], [COVER], [THUMBNAILS, FILM]])
def test_the_first_film_is_painted(others: list[SimpleNamespace]) -> None:
    first = SimpleNamespace(disposition=Disposition.default)
    painted: object = painted_stream(container(first, *others), Path("a.mp4"))
    assert painted is first


def test_a_cover_before_the_film_is_passed_over() -> None:
    painted: object = painted_stream(container(COVER, THUMBNAILS, FILM), Path("a.mp4"))
    assert painted is FILM


@pytest.mark.parametrize("only", [[COVER], [COVER, THUMBNAILS]])
def test_a_cover_alone_is_no_film(only: list[SimpleNamespace]) -> None:
    with pytest.raises(UnsupportedError, match="only a cover"):
        painted_stream(container(*only), Path("a.m4a"))


def test_sound_alone_is_no_film() -> None:
    with pytest.raises(UnsupportedError, match="only sound"):
        painted_stream(container(), Path("a.m4a"))
