"""How a painted film is cut, encoded and published."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nstd.errors import LedgerError
from nstd.media.read.limits import Limits
from nstd.media.read.reading import Reading
from nstd.media.write.codecs import EncoderKind, EncodeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """How a painted film is cut, encoded and published; frozen into the job.

    Attributes:
        encode: Codec, quality, container.
        first: Number of the first frame that is painted.
        last: Number of the last one; None for the film's own.
        segment_frames: Frames in a segment, at most.
        accept_truncated: Paint what is there of a film that ends early.
        strict: Refuse a film of which anything would be lost.
        overwrite: Replace a file that is at the target already.
        only_own: Replace only what nstd has put there itself and nobody has changed since then.
        originals: "keep", "delete" or "move": what becomes of the source once it is painted.
        move_to: Folder that "move" moves it to.
        siblings: Names of all recipes that the film is painted in: all of them need the original.
        marker: Name of a file in the watched folder that is there as long as its disk is mounted.
        limits: What the source may have at most, and what stays free on the disks.
        copy: Paint nothing: frames go through as they are, at the recipe's size.
        dropped: Others may put files where the source lies: no link there is followed.
        reading: How the source is read.
        images: Pattern of the names of the numbered images that are the film, whose first image is
            the source; "" if the source is the whole film.
    """

    encode: EncodeSettings = field(default_factory=EncodeSettings)
    first: int = 0
    last: int | None = None
    segment_frames: int = 48
    accept_truncated: bool = False
    overwrite: bool = False
    only_own: bool = False
    originals: str = "keep"
    move_to: str | None = None
    siblings: tuple[str, ...] = ()
    marker: str | None = None
    limits: Limits = field(default_factory=Limits)
    dropped: bool = False
    copy: bool = False
    strict: bool = False
    reading: Reading = field(default_factory=Reading)
    images: str = ""

    @property
    def whole(self) -> bool:
        """Whether all of the film is painted, and not a part."""
        return self.first == 0 and self.last is None

    def encoded_by(self, encoder: EncoderKind) -> "OutputSpec":
        """This output with another encoder."""
        return replace(self, encode=replace(self.encode, encoder=encoder))

    def same_film(self, other: "OutputSpec") -> bool:
        """Whether both make the same film of a source, whatever becomes of source and target."""

        def film(spec: OutputSpec) -> OutputSpec:
            plain = OutputSpec()
            return replace(
                spec,
                overwrite=plain.overwrite,
                only_own=plain.only_own,
                originals=plain.originals,
                move_to=plain.move_to,
                siblings=plain.siblings,
                marker=plain.marker,
                limits=plain.limits,
                dropped=plain.dropped,
            )

        return film(self) == film(other)

    def to_json(self) -> dict[str, Any]:
        """Everything, in plain values."""
        return asdict(self) | {"reading": self.reading.to_json()}

    def wish(self) -> dict[str, Any]:
        """What distinguishes this output from another.

        Keys that were added later count only if they differ from their default, so that what was
        begun before they existed is found again.
        """
        return _without_defaults(self.to_json(), OutputSpec().to_json(), _FIRST_KEYS)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "OutputSpec":
        """The specification that `to_json` wrote.

        Raises:
            LedgerError: It was written by a version with other keys.
        """
        try:
            values = dict(data)
            values["encode"] = EncodeSettings(**values["encode"])
            values["siblings"] = tuple(values["siblings"])
            values["limits"] = Limits.from_json(values["limits"])
            values["reading"] = Reading.from_json(values.get("reading", {}))
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise LedgerError(
                f"The job's output settings are not of this version: {error}",
                "Finish the job with the version that queued it, or queue the film again",
            ) from error


_FIRST_KEYS: Mapping[str, Any] = {
    "encode": dict.fromkeys(("codec", "quality", "container", "preset", "threads")),
    **dict.fromkeys(
        (
            "first", "last", "segment_frames", "accept_truncated", "overwrite", "originals",
            "move_to", "siblings", "marker",
        )
    ),
}  # fmt: skip
"""The keys that count whatever their values, as they did in the first ledgers."""


def _without_defaults(
    values: Mapping[str, Any], defaults: Mapping[str, Any], always: Mapping[str, Any]
) -> dict[str, Any]:
    """`values` without those that equal their defaults, except the keys in `always`."""
    kept = {}
    for key, value in values.items():
        if always.get(key) is not None:
            kept[key] = _without_defaults(value, defaults[key], always[key])
        elif key in always or value != defaults[key]:
            kept[key] = value
    return kept
