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
        kind: What kind of part it is.
        what: Which one, in words.
        outcome: "kept" as it is, "converted" to something else, or "lost".
        to: What it is converted to.
        why: Why it is not kept as it is; a half sentence.
        loss: Whether something of the source is lost; never of what is kept, always of what is
            lost but for what nstd itself would add.
        stream: Its number in the source; None for what is no stream.
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
        """All of it, in words."""
        way = {"kept": "kept", "converted": f"converted to {self.to}", "lost": "lost"}[self.outcome]
        return f"{self.what}: {way}{f' ({self.why})' if self.why else ''}"

    def to_json(self) -> dict[str, Any]:
        """Its values, with the sentence."""
        return asdict(self) | {"sentence": self.sentence}


def lost(kind: PartKind, what: str, why: str, stream: int | None = None) -> Fate:
    """The fate of what is lost."""
    return Fate(kind, what, "lost", why=why, loss=True, stream=stream)
