"""Messages between the process that probes and the one that asked: exact, whatever the film."""

import json
from fractions import Fraction
from pathlib import Path

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nstd.errors
from nstd.errors import NstdError, UnreadableError
from nstd.media.frame import VideoInfo
from nstd.media.read import prober
from nstd.media.read.asking import error_of, pack, question, unpack
from nstd.media.read.limits import Limits
from nstd.media.read.reading import Reading

texts = st.text()
numbers = st.integers(-(2**63), 2**63)
fractions = st.fractions()
infos = st.builds(
    VideoInfo,
    stream=numbers,
    width=numbers,
    height=numbers,
    frame_rate=fractions,
    time_base=fractions,
    start=numbers,
    duration=numbers,
    frames=numbers,
    rotation=st.sampled_from([0, 90, 180, 270]),
    sample_aspect_ratio=fractions,
    matrix=texts,
    truncated=st.booleans(),
)


@given(infos)
def test_a_films_facts_come_back_exactly(info: VideoInfo) -> None:
    found = unpack(json.loads(json.dumps(pack(info))))
    assert found == info
    assert isinstance(found.frame_rate, Fraction)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(nstd.errors).values()
        if isinstance(kind, type) and issubclass(kind, NstdError)
    ],
)
def test_every_error_of_the_tree_comes_back_as_it_was(kind: type[NstdError]) -> None:
    answer = {"error": kind.__name__, "problem": "It is “odd”\nand more", "remedy": "Do “this”"}
    error = error_of(json.loads(json.dumps(answer)))
    assert type(error) is kind
    assert (error.problem, error.remedy) == ("It is “odd”\nand more", "Do “this”")


def test_memory_that_cannot_be_had_and_opencvs_own_errors_are_translated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked(error: BaseException) -> str:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(prober, "probe", fail)
        text = question(
            Path("/in/a.mp4"),
            accept_truncated=False,
            limits=Limits(),
            reading=Reading(),
            memory=3 << 30,
            seconds=1,
        )
        with pytest.raises(UnreadableError) as caught:
            prober._probe(json.loads(text))
        return caught.value.problem

    assert asked(MemoryError()) == "/in/a.mp4 needs more than 3 GiB of memory to open"
    lacking = cv2.error()
    lacking.code = cv2.Error.StsNoMem
    assert asked(lacking) == "/in/a.mp4 needs more than 3 GiB of memory to open"
    other = cv2.error()
    other.code, other.err = cv2.Error.StsAssert, "size.width > 0"
    assert asked(other) == "/in/a.mp4 cannot be decoded (size.width > 0)"
