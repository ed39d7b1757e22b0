"""Limits in the configuration: sizes of films and pictures, cost of painting, free disk space."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from nstd.config.keys import overriding
from nstd.config.values import Number, Section, WholeNumber
from nstd.media.read.limits import Limits

_DEFAULT = Limits()

_Megapixels = Annotated[Number, Field(gt=0, le=1000)]
"""OpenCV reads no picture of more than 1073 megapixels."""
_Time = Annotated[Number, Field(gt=0, le=1e6)]


class LimitsConfig(Section):
    """The limits of all sources and their painting; the keys of `Limits`."""

    megapixels: _Megapixels = _DEFAULT.megapixels
    still_megapixels: _Megapixels = _DEFAULT.still_megapixels
    frames: Annotated[WholeNumber, Field(ge=1, le=10**12)] = _DEFAULT.frames
    hours: _Time = _DEFAULT.hours
    steps: Annotated[WholeNumber, Field(ge=1, le=10**9)] = _DEFAULT.steps
    frame_minutes: _Time = _DEFAULT.frame_minutes
    painting_hours: _Time = _DEFAULT.painting_hours
    free_gib: Annotated[Number, Field(ge=0, le=1e6)] = _DEFAULT.free_gib

    def limits(self, override: "LimitsOverride | None" = None) -> Limits:
        """The limits themselves, with the keys of `override`."""
        given = {} if override is None else override.model_dump(exclude_none=True)
        return Limits(**(self.model_dump() | given))


if TYPE_CHECKING:
    LimitsOverride = Section
else:
    LimitsOverride = overriding(LimitsConfig, "LimitsOverride")
