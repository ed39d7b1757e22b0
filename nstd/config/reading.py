"""How films are read, as written down: by which library, and what interlaced ones become."""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BeforeValidator

from nstd.config.values import Section
from nstd.media.read.reading import Reading, rate_of


def _off(value: object) -> object:
    """YAML's `off` is a truth value."""
    return "off" if value is False else value


Reader = Literal["auto", "opencv", "pyav"]
Deinterlace = Annotated[Literal["auto", "fields", "off"], BeforeValidator(_off)]


Rate = Annotated[Fraction, BeforeValidator(rate_of)]


class ReadingOverride(Section):
    """How the films of one folder or batch entry are read otherwise. None: as all are."""

    reader: Reader | None = None
    deinterlace: Deinterlace | None = None
    rate: Rate | None = None


class ReadingConfig(Section):
    """How all films are read; keys of `Reading`."""

    reader: Reader = "auto"
    deinterlace: Deinterlace = "auto"
    rate: Rate | None = None

    def reading(self, override: ReadingOverride | None = None) -> Reading:
        """The settings themselves, with the keys of `override`."""
        # Not by `model_dump`, which makes text of a fraction.
        values = {key: getattr(self, key) for key in ReadingConfig.model_fields}
        given = {} if override is None else {key: getattr(override, key) for key in values}
        return Reading(**values | {key: one for key, one in given.items() if one is not None})
