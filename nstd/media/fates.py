"""What becomes of each part of a film, in words and as data."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

PartKind = Literal[
    "picture", "sound", "subtitles", "cover", "attachment", "data", "chapters", "metadata"
]


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one part of a film.

    Attributes:
        kind: Kind of the part.
        what: Which part, in words.
        outcome: "kept" as it is, "converted" to something else, or "lost".
        to: What it is converted to.
        why: Why it is not kept as it is; half a sentence.
        loss: Whether something of the source is lost: never for "kept", always for "lost", except
            for what nstd itself would add.
        stream: Its number in the source; None for what is not a stream.
    """

    kind: PartKind
    what: str
    outcome: Literal["kept", "converted", "lost"] = "kept"
    to: str = ""
    why: str = ""
    loss: bool = False
    stream: int | None = None

    @property
    def sentence(self) -> str:
        """The fate in words."""
        way = {"kept": "kept", "converted": f"converted to {self.to}", "lost": "lost"}[self.outcome]
        return f"{self.what}: {way}{f' ({self.why})' if self.why else ''}"

    def to_json(self) -> dict[str, Any]:
        """The fate as data, with the sentence."""
        return asdict(self) | {"sentence": self.sentence}


def lost(kind: PartKind, what: str, why: str, stream: int | None = None) -> Fate:
    """The fate of a part that is lost."""
    return Fate(kind, what, "lost", why=why, loss=True, stream=stream)
