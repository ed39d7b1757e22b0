"""A film in the making: its specification in the ledger."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.errors import LedgerError
from nstd.ledger.job import path_of
from nstd.media.read.limits import Limits
from nstd.media.write.codecs import CODECS, EncodeSettings
from nstd.media.write.encoders import PRESETS
from nstd.submit.output import OutputSpec


@st.composite
def encodings(draw: st.DrawFn) -> EncodeSettings:
    codec = draw(st.sampled_from(sorted(CODECS)))
    return EncodeSettings(
        codec=codec,
        quality=draw(st.integers(0, CODECS[codec].worst)),
        preset=draw(st.sampled_from(PRESETS)),
        container=draw(st.sampled_from(CODECS[codec].containers)),
        threads=draw(st.integers(1, 64)),
    )


specs = st.builds(
    OutputSpec,
    encode=encodings(),
    first=st.integers(0),
    last=st.none() | st.integers(0),
    segment_frames=st.integers(1),
    accept_truncated=st.booleans(),
    overwrite=st.booleans(),
    originals=st.sampled_from(["keep", "delete", "move"]),
    move_to=st.none() | st.text(),
    limits=st.builds(Limits, frames=st.integers(1), hours=st.floats(0.1, 1e6)),
)


@given(specs)
def test_a_specification_comes_back_from_json_as_it_was(spec: OutputSpec) -> None:
    assert OutputSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    "change",
    [
        {"shiny": True},
        {"encode": None},
        {"encode": {"codec": "h264", "sparkle": 1}},
        {"limits": {"sparks": 3}},
        {"limits": {"frames": "many"}},
    ],
    ids=[
        "a key too much",
        "no encoding",
        "a key too much in the encoding",
        "a limit too much",
        "a limit that is no number",
    ],
)
def test_a_specification_of_another_version_is_refused_with_what_to_do(
    change: dict[str, Any],
) -> None:
    with pytest.raises(LedgerError, match="queue the film again"):
        OutputSpec.from_json(OutputSpec().to_json() | change)


@pytest.mark.parametrize("key", ["encode", "siblings", "limits"])
def test_a_specification_without_one_of_its_parts_is_refused(key: str) -> None:
    data = OutputSpec().to_json()
    del data[key]
    with pytest.raises(LedgerError, match=key):
        OutputSpec.from_json(data)


def test_a_film_is_whole_unless_either_end_is_cut() -> None:
    assert OutputSpec().whole
    assert not OutputSpec(first=1).whole
    assert not OutputSpec(last=7).whole


NAMES = st.binary(min_size=1).filter(lambda name: b"\0" not in name and b"/" not in name)


@given(NAMES.filter(lambda name: name != b"."))
def test_any_bytes_are_a_path(name: bytes) -> None:
    assert bytes(path_of(b"/films/" + name)).endswith(name)
