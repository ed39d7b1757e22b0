"""Sections of the configuration made from a frozen value: a field added there is a key at once."""

import pickle
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Le
from pydantic import ValidationError

from nstd.config import OutputConfig, OutputOverride
from nstd.config.faults import faults_of
from nstd.config.keys import HeldSection
from nstd.style.keys import Absent, Key, OneOf
from nstd.style.recipe import StyleRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Glitter(StyleRecipe):
    """A recipe of a later version: three fields more."""

    glitter: Annotated[float, Key("How much it glitters."), Ge(0), Le(9), Absent(0.0)] = 0.5
    grain: Annotated[Literal["fine", "coarse"], Key("Of the glitter."), Absent("fine")] = "fine"
    seats: Annotated[
        tuple[Annotated[str, OneOf(("seat1", "seat2"), "seat")], ...], Key("Where."), Absent(())
    ] = ()


Section: Any = HeldSection.of(Glitter)


def test_fields_that_are_added_are_keys_and_reach_the_frozen_value() -> None:
    given = Section.model_validate({"glitter": "2.5", "grain": "coarse", "seats": "seat2"}).given()
    assert given == {"glitter": 2.5, "grain": "coarse", "seats": ("seat2",)}
    assert Glitter(styles=(), **given).glitter == 2.5
    assert Section.model_validate({}).given() == {}


def test_what_an_entry_says_otherwise_can_be_handed_to_another_process() -> None:
    said = OutputOverride.model_validate({"codec": "h265"})
    assert pickle.loads(pickle.dumps(said)) == said  # noqa: S301 - our own
    assert said.model_dump(exclude_none=True) == {"codec": "h265"}
    assert OutputOverride.keys() == OutputConfig.keys()


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"glitter": -1}, "-1 is not at least 0"),
        ({"glitter": 10}, "10 is more than 9"),
        ({"glitter": "much"}, "“much” is not a number"),
        ({"grain": "corse"}, "“corse” is none of fine, coarse; did you mean “coarse”?"),
        ({"seats": ["sead2"]}, "“sead2” is no seat; did you mean “seat2”?"),
        ({"seats": ["zz"]}, "“zz” is no seat; they are seat1 to seat2"),
        ({"gliter": 1}, "unknown key; did you mean “glitter”?"),
    ],
)
def test_each_slip_in_one_has_its_sentence(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Section.model_validate(keys)
    (fault,) = faults_of(caught.value, Section)
    assert fault.sentence == sentence
    assert fault.path[0] == next(iter(keys))
