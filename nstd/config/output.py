"""How films are encoded: codec, quality, container."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nstd.config.keys import overriding
from nstd.config.values import KeyFaultError, Section, Switch, WholeNumber
from nstd.config.words import as_clause, either
from nstd.media.write.codecs import (
    CODECS,
    PICTURE_SEGMENTS,
    EncoderKind,
    EncodeSettings,
    Sound,
    encoder_fault,
    layout_fault,
)
from nstd.media.write.containers import CONTAINERS, PICTURES
from nstd.media.write.encoders import Preset

if TYPE_CHECKING:
    CodecName = str
    ContainerName = str
    ProfileName = str
else:  # what the tables have
    CodecName = Literal[tuple(CODECS)]
    ContainerName = Literal[tuple(CONTAINERS)]
    ProfileName = Literal[("auto", *(one for codec in CODECS.values() for one in codec.profiles))]

_FILMS = [name for name in CONTAINERS if name not in PICTURES]
_ANIMATIONS = [name for name, one in PICTURES.items() if one.animation]
_NUMBERED = [name for name, one in PICTURES.items() if not one.animation]
_PROFILES = [f"{name} ({', '.join(one.profiles)})" for name, one in CODECS.items() if one.profiles]


def _usual_container(data: dict[str, Any]) -> str:
    return CODECS[data["codec"]].containers[0]


def _usual_quality(data: dict[str, Any]) -> int:
    return CODECS[data["codec"]].quality


class OutputConfig(Section):
    """How films are encoded; the keys of `EncodeSettings` except the number of threads."""

    codec: CodecName = Field(default="h264", description=f"{either(CODECS)}.")
    quality: Annotated[WholeNumber, Field(ge=0)] = Field(
        default_factory=_usual_quality,
        description="Rate factor on the codec's own scale: 0 is best and largest.",
    )
    preset: Preset = Field(
        default="medium",
        description="Speed against size: ultrafast to veryslow.",
    )
    container: ContainerName = Field(
        default_factory=_usual_container,
        description=f"{either(_FILMS)}; {either(_ANIMATIONS)}; {either(_NUMBERED)} for numbered"
        " pictures; that of -o if it names one.",
    )
    profile: ProfileName = Field(default="auto", description=f"Of {either(_PROFILES)}.")
    depth: Literal["auto"] | WholeNumber = Field(
        default="auto",
        description="Bits of a color: 8 or 10; ffv1 also has 16.",
    )
    provenance: Switch = Field(
        default=True,
        description="yes or no: the film says how it was painted; see nstd show FILE.",
    )
    encoder: EncoderKind = Field(
        default="software",
        description="software, or nvenc: NVIDIA's where it works, which is faster and larger.",
    )
    sound: Sound = Field(
        default="compatible",
        description="compatible: what does not play in Chromium and ffmpeg 5.1 is encoded again;"
        " copy: what the container holds stays as it is.",
    )

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.container in PICTURES:
            return self._pictures_agree()
        codec = CODECS[self.codec]
        if self.container not in codec.containers:
            fitting = " or ".join(codec.containers)
            raise KeyFaultError(
                "container", f"{self.codec} does not fit into {self.container}; use {fitting}"
            )
        if codec.worst == 0 and self.quality:
            raise KeyFaultError("quality", f"{self.codec} has no quality to set")
        if self.quality > codec.worst:
            raise KeyFaultError(
                "quality", f"{self.codec} has no quality {self.quality}; {codec.worst} is lowest"
            )
        if fault := encoder_fault(self.codec, self.encoder):
            raise KeyFaultError("encoder", "; use ".join(fault))
        layout = self._layout()
        for key, given in (("profile", layout | {"depth": None}), ("depth", layout)):
            if fault := layout_fault(self.codec, **given):
                raise KeyFaultError(key, "; ".join(as_clause(one) for one in fault))
        return self

    def _pictures_agree(self) -> Self:
        depths = PICTURES[self.container].depths
        if self.profile != "auto":
            raise KeyFaultError("profile", f"{self.container} has no profile to choose")
        if self.depth not in {"auto", *depths}:
            known = " or ".join(str(depth) for depth in depths)
            raise KeyFaultError(
                "depth", f"there is no {self.container} of {self.depth} bits; choose {known}"
            )
        return self

    def overridden(self, override: "OutputOverride") -> "OutputConfig":
        """This, with the keys of `override`.

        Another codec begins with its own default quality and container: each codec has its own
        scale of quality, and not every container holds every codec.

        Raises:
            pydantic.ValidationError: Together they do not fit. Not for entries of a `Config`.
        """
        given = override.model_dump(exclude_none=True)
        other_codec = given.get("codec", self.codec) != self.codec
        own = {"quality", "container", "profile", "depth", "encoder"}  # of a codec
        kept = set(OutputConfig.model_fields) - (own if other_codec else set())
        return OutputConfig.model_validate(self.model_dump(include=kept) | given)

    def settings(self, threads: int) -> EncodeSettings:
        """The encoder's settings, with the plan's number of threads."""
        given = self.model_dump() | self._layout()
        if pictures := PICTURES.get(self.container):
            depth = given["depth"] or pictures.depths[0]
            given |= PICTURE_SEGMENTS | {"depth": depth, "pictures": self.container}
        return EncodeSettings(**given, threads=threads)

    def _layout(self) -> dict[str, Any]:
        """Profile and depth; None where they are "auto"."""
        given = {"profile": self.profile, "depth": self.depth}
        return {key: None if value == "auto" else value for key, value in given.items()}


if TYPE_CHECKING:
    OutputOverride = Section
else:
    OutputOverride = overriding(OutputConfig, "OutputOverride")
