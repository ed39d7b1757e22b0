"""How large films and pictures and their painting may be, and what stays free, as written down."""

from typing import Annotated

from pydantic import Field

from nstd.config.values import Number, Section, WholeNumber
from nstd.media.read.limits import Limits

_DEFAULT = Limits()

Megapixels = Annotated[Number, Field(gt=0, le=1000)]
"""OpenCV reads no picture of more than 1073 megapixels."""
Frames = Annotated[WholeNumber, Field(ge=1, le=10**12)]
Steps = Annotated[WholeNumber, Field(ge=1, le=10**9)]
Minutes = Annotated[Number, Field(gt=0, le=1e6)]
Hours = Annotated[Number, Field(gt=0, le=1e6)]
Gib = Annotated[Number, Field(ge=0, le=1e6)]


class LimitsOverride(Section):
    """What one folder or batch entry limits otherwise. A key that is not given is None."""

    megapixels: Megapixels | None = None
    still_megapixels: Megapixels | None = None
    frames: Frames | None = None
    hours: Hours | None = None
    steps: Steps | None = None
    frame_minutes: Minutes | None = None
    painting_hours: Hours | None = None
    free_gib: Gib | None = None


class LimitsConfig(Section):
    """The limits of all sources and their painting; the keys of `Limits`."""

    megapixels: Megapixels = _DEFAULT.megapixels
    still_megapixels: Megapixels = _DEFAULT.still_megapixels
    frames: Frames = _DEFAULT.frames
    hours: Hours = _DEFAULT.hours
    steps: Steps = _DEFAULT.steps
    frame_minutes: Minutes = _DEFAULT.frame_minutes
    painting_hours: Hours = _DEFAULT.painting_hours
    free_gib: Gib = _DEFAULT.free_gib

    def limits(self, override: LimitsOverride | None = None) -> Limits:
        """The limits themselves, with the keys of `override`."""
        given = {} if override is None else override.model_dump(exclude_none=True)
        return Limits(**(self.model_dump() | given))
