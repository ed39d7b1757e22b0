"""How films are read, in the configuration: by which library, and what interlaced ones become."""

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from nstd.config.keys import overriding
from nstd.config.values import Section
from nstd.media.read.reading import Reading, rate_of


def _off(value: object) -> object:
    """YAML's `off` is a truth value."""
    return "off" if value is False else value


class ReadingConfig(Section):
    """How all films are read; keys of `Reading`."""

    reader: Literal["auto", "opencv", "pyav"] = Field(
        default="auto",
        description="Which library decodes films: opencv, pyav, or auto: OpenCV where its pictures"
        " are PyAV's, else PyAV.",
    )
    deinterlace: Annotated[Literal["auto", "fields", "off"], BeforeValidator(_off)] = Field(
        default="auto",
        description="Of interlaced films: auto makes each frame whole, fields makes a frame of each"
        " field, at twice the rate, off leaves frames as they are.",
    )
    rate: Annotated[Fraction, BeforeValidator(rate_of)] | None = Field(
        default=None,
        description="Frames per second of numbered images, named as 'shot_%04d.png' or"
        " 'shot_*.png': 24, 23.976, 24000/1001. [25]",
    )

    def reading(self, override: "ReadingOverride | None" = None) -> Reading:
        """The settings themselves, with the keys of `override`."""
        # Not by `model_dump`, which makes text of a fraction.
        values = {key: getattr(self, key) for key in ReadingConfig.model_fields}
        given = {} if override is None else {key: getattr(override, key) for key in values}
        return Reading(**values | {key: one for key, one in given.items() if one is not None})


if TYPE_CHECKING:
    ReadingOverride = Section
else:
    ReadingOverride = overriding(ReadingConfig, "ReadingOverride")
