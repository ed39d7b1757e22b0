"""How films are to be read, as the user wants it: plain values, no library that opens films."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

Reader = Literal["auto", "opencv", "pyav"]
Deinterlace = Literal["auto", "fields", "off"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a film is read.

    Attributes:
        reader: "opencv" or "pyav"; "auto" is OpenCV where it gives the same frames as PyAV, else
            PyAV.
        deinterlace: "auto" makes one frame of each interlaced frame, "fields" one of each of its
            fields, at twice the rate; "off" leaves frames as they are coded.
        rate: Frames per second of numbered pictures, which state none themselves; or None.
    """

    reader: Reader = "auto"
    deinterlace: Deinterlace = "auto"
    rate: Fraction | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values."""
        rate = None if self.rate is None else str(self.rate)
        return asdict(self) | {"rate": rate}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Reading":
        """The value that `to_json` wrote; missing keys have their defaults."""
        values = dict(data)
        if values.get("rate") is not None:
            values["rate"] = Fraction(values["rate"])
        return cls(**values)


FASTEST = 1000
"""Frames per second at most: containers' clocks are no finer."""
_NTSC = {"23.976": 24, "23.98": 24, "29.97": 30, "47.952": 48, "59.94": 60, "119.88": 120}
"""Usual short forms of NTSC's rates, which are whole numbers times 1000/1001."""


def rate_of(value: object) -> Fraction:
    """Frames per second as a person writes them: 24, 12.5, 23.976 (24000/1001), "24000/1001".

    Raises:
        ValueError: It is no such rate.
    """
    text = str(value).strip()
    if text in _NTSC:
        return Fraction(_NTSC[text] * 1000, 1001)
    try:
        rate = Fraction(text).limit_denominator(FASTEST * FASTEST)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if isinstance(value, bool) or not Fraction(1, FASTEST) <= rate <= FASTEST:
        raise ValueError(
            f"“{text}” is no number of frames per second, such as 24, 23.976 or 24000/1001"
        )
    return rate
