"""How films are to be read, as a person says it; plain values, no library that opens films."""

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
        reader: "opencv" or "pyav"; "auto": OpenCV where it gives the frames that PyAV gives, PyAV
            otherwise.
        deinterlace: "auto": one frame of each interlaced frame; "fields": one of each of its
            fields, at twice the rate; "off": frames as they are coded.
        rate: Frames per second of numbered pictures, which state none; or None.
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
        """What `to_json` wrote; what is missing has its default."""
        values = dict(data)
        if values.get("rate") is not None:
            values["rate"] = Fraction(values["rate"])
        return cls(**values)
