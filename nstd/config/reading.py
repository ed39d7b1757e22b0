"""How films are read, as written down: by which library, and what interlaced ones become."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from nstd.config.values import Section
from nstd.media.read.reading import Reading


def _off(value: object) -> object:
    """YAML's `off` is a truth value."""
    return "off" if value is False else value


Reader = Literal["auto", "opencv", "pyav"]
Deinterlace = Annotated[Literal["auto", "fields", "off"], BeforeValidator(_off)]


class ReadingOverride(Section):
    """How the films of one folder or batch entry are read otherwise. None: as all are."""

    reader: Reader | None = None
    deinterlace: Deinterlace | None = None


class ReadingConfig(Section):
    """How all films are read; keys of `Reading`."""

    reader: Reader = "auto"
    deinterlace: Deinterlace = "auto"

    def reading(self, override: ReadingOverride | None = None) -> Reading:
        """The settings themselves, with the keys of `override`."""
        given = {} if override is None else override.model_dump(exclude_none=True)
        return Reading(**(self.model_dump() | given))
