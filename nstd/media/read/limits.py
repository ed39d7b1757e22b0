"""How large a film or picture may be, and how much work painting it may take.

Limits protect against small files that unpack to something huge, and against recipes that ask for
endless work.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nstd.errors import UnsupportedError
from nstd.files import size_text

if TYPE_CHECKING:
    # Not at run time: the configuration knows limits, and is read by commands that need no numpy.
    from nstd.media.frame import VideoInfo

_BYTES_PER_PIXEL = 16
"""Of a file without compression, four channels of 32 bits: no picture takes more."""
_BESIDE_PIXELS = 64 << 20
"""Bytes of a picture's file for metadata, profiles, previews and further pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a source and its painting may take at most, and what stays free on the disks.

    Frozen with its job. Sidecars change recipes, never limits.

    Attributes:
        megapixels: Millions of pixels in a film's frame, in the source and as it is painted.
        still_megapixels: Millions of pixels in a still picture, as it is and as it is painted.
        frames: Frames in a film.
        hours: A film's duration.
        steps: Steps that a picture is painted in, over all its levels. The usual recipe has 145;
            Gatys et al. take some 1,000 at one size, and three sizes of that are much.
        frame_minutes: Estimated time for painting one frame or picture. The usual recipe takes
            half an hour for a 4K frame with the full network on two cores; twice that is the limit.
        painting_hours: Estimated time for painting all of a film: by default a month. A film that
            takes longer should be painted smaller, or on a faster device.
        free_gib: GiB that stay free on every disk that is written to.
    """

    megapixels: float = 40.0
    still_megapixels: float = 120.0
    frames: int = 6_000_000
    hours: float = 24.0
    steps: int = 3_000
    frame_minutes: float = 60.0
    painting_hours: float = 720.0
    free_gib: float = 1.0

    @property
    def free_bytes(self) -> int:
        """How much stays free on every disk, in bytes."""
        return int(self.free_gib * (1 << 30))

    @property
    def still_bytes(self) -> int:
        """How large a still picture's file may be, in bytes."""
        return int(self.still_megapixels * 1e6 * _BYTES_PER_PIXEL) + _BESIDE_PIXELS

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Limits":
        """The limits that `to_json` wrote.

        Raises:
            TypeError: It has unknown keys, or values that are no numbers.
        """
        for name, value in data.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"the limit {name} is {value!r}")
        return cls(**data)

    def require_frame_size(self, path: Path, width: int, height: int) -> None:
        """Refuse a film whose frames have too many pixels.

        Raises:
            UnsupportedError: It names what was found, the limit, and the key to raise.
        """
        _require_pixels(path, "Each frame", (width, height), self.megapixels, "megapixels")

    def require_still_size(self, path: Path, width: int, height: int) -> None:
        """Refuse a picture that has too many pixels.

        Raises:
            UnsupportedError: It names what was found, the limit, and the key to raise.
        """
        key = "still_megapixels"
        _require_pixels(path, "The picture", (width, height), self.still_megapixels, key)

    def require_frames(self, path: Path, frames: int, *, at_least: bool = False) -> None:
        """Refuse a film that has too many frames.

        Args:
            path: The film.
            frames: How many were counted.
            at_least: `frames` is only a lower bound, as counting was not finished.

        Raises:
            UnsupportedError: It names what was found, the limit, and the key to raise.
        """
        if frames > self.frames:
            found = f"{'at least ' if at_least else ''}{frames:,}"
            raise UnsupportedError(
                f"{path} has {found} frames, and the limit is {self.frames:,}",
                _cut_or_raise("frames"),
            )

    def require_duration(self, path: Path, seconds: Fraction) -> None:
        """Refuse a film that is too long.

        Raises:
            UnsupportedError: It names what was found, the limit, and the key to raise.
        """
        if seconds > Fraction(self.hours) * 3600:
            hours = float(seconds) / 3600
            raise UnsupportedError(
                f"{path} takes {hours:,.3g} hours, and the limit is {self.hours:g}",
                _cut_or_raise("hours"),
            )

    def require_painted_size(self, path: Path, width: int, height: int, *, still: bool) -> None:
        """Refuse to paint a film or picture (`still`) at a size of too many pixels.

        Raises:
            UnsupportedError: It names what is asked for, the limit, and the key to raise.
        """
        key, most = "megapixels", self.megapixels
        if still:
            key, most = "still_megapixels", self.still_megapixels
        if width * height > most * 1e6:
            raise UnsupportedError(
                f"{path} would be painted at {_pixels(width, height)}, and the limit is {most:g}",
                f"Give its recipe a smaller size, or {_raising(key)}",
            )

    def require_steps(self, path: Path, steps: int) -> None:
        """Refuse to paint a picture in too many steps.

        Raises:
            UnsupportedError: It names what is asked for, the limit, and the key to raise.
        """
        if steps > self.steps:
            raise UnsupportedError(
                f"{path} would be painted in {steps:,} steps, and the limit is {self.steps:,}",
                f"Give its recipe fewer levels or steps, or {_raising('steps')}",
            )

    def require_painting_time(
        self, path: Path, device: str, *, frame_seconds: float, seconds: float
    ) -> None:
        """Refuse a film or picture whose painting would take too long.

        Args:
            path: The film or picture.
            device: Where it would be painted.
            frame_seconds: Estimated time of the frame that takes longest.
            seconds: Estimated time of all frames.

        Raises:
            UnsupportedError: It names the estimate, the limit, and the key to raise.
        """
        minutes, hours = frame_seconds / 60, seconds / 3600
        if minutes > self.frame_minutes:
            raise UnsupportedError(
                f"A frame of {path} would take about {minutes:,.0f} minutes on {device}, and the "
                f"limit is {self.frame_minutes:g}",
                f"Give its recipe a smaller size, or fewer levels or steps, or "
                f"{_raising('frame_minutes')}",
            )
        if hours > self.painting_hours:
            raise UnsupportedError(
                f"Painting {path} would take about {hours:,.0f} hours on {device}, and the limit "
                f"is {self.painting_hours:g}",
                f"Cut it into parts, give its recipe a smaller size or fewer steps, or "
                f"{_raising('painting_hours')}",
            )

    def require_still_bytes(self, path: Path, size: int) -> None:
        """Refuse a file that is larger than any picture within the limit.

        Raises:
            UnsupportedError: It names what was found, the limit, and the key to raise.
        """
        if size > self.still_bytes:
            raise UnsupportedError(
                f"{path} has {size_text(size)}, more than any picture of "
                f"{self.still_megapixels:g} megapixels",
                f"Scale it down first, or {_raising('still_megapixels')}",
            )

    def require(self, path: Path, info: "VideoInfo") -> None:
        """Refuse a film whose facts are beyond any of the limits.

        Raises:
            UnsupportedError: It names what was found, the limit, and the key to raise.
        """
        self.require_frame_size(path, info.width, info.height)
        self.require_frames(path, info.frames)
        self.require_duration(path, info.duration * info.time_base)


def _require_pixels(
    path: Path, what: str, size: tuple[int, int], megapixels: float, key: str
) -> None:
    width, height = size
    if width * height > megapixels * 1e6:
        raise UnsupportedError(
            f"{what} of {path} has {_pixels(width, height)}, and the limit is {megapixels:g}",
            f"Scale it down first, or {_raising(key)}",
        )


def _pixels(width: int, height: int) -> str:
    return f"{width}×{height} pixels ({width * height / 1e6:,.1f} megapixels)"


def _cut_or_raise(key: str) -> str:
    return f"Cut it into parts, or {_raising(key)}"


def _raising(key: str) -> str:
    # A job keeps the limits it was queued with.
    return f"raise limits: {key} in config.yaml and queue it again with `nstd add --again`"
