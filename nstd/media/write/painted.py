"""What becomes of the pictures' properties besides their colors."""

from nstd.media.fates import Fate, lost
from nstd.media.frame import VideoInfo
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.segment import coded_layout


def picture_fates(info: VideoInfo, settings: EncodeSettings) -> tuple[Fate, ...]:
    """The fates of those properties of a film's pictures that the output does not keep as they are.

    Args:
        info: Facts of the film.
        settings: How it will be encoded.
    """
    fates, result = [], settings.result
    bits = coded_layout(info, settings).bits
    if info.bit_depth > bits:
        whose = settings.pictures or settings.codec
        why = f"{whose} is written with {bits}; see --depth"
        fates.append(
            Fate(
                "picture",
                f"{info.bit_depth} bits a color",
                "converted",
                f"{bits} bits",
                why,
                loss=True,
            )
        )
    if info.alpha:
        fates.append(_alpha_fate(info, settings))
    if result.pictures and info.sample_aspect_ratio != 1:
        why = f"{result.name} has square ones"
        fates.append(lost("picture", f"pixels {info.sample_aspect_ratio} as wide as high", why))
    fastest = result.pictures.fastest if result.pictures else None
    if fastest and info.frame_rate > fastest:
        to = f"{fastest} a second at most"
        why = f"browsers slow a {result.name} down that has more"
        fates.append(Fate("picture", "frames", "converted", to, why, loss=True))
    return tuple(fates)


def _alpha_fate(info: VideoInfo, settings: EncodeSettings) -> Fate:
    what, result = "transparency", settings.result
    kept = result.pictures.alpha if result.pictures else "yes"
    if kept == "all or nothing":
        why = f"a {result.name}'s colors are there or not"
        return Fate("picture", what, "converted", kept, why, loss=True)
    if kept and coded_layout(info, settings).alpha:
        return Fate("picture", what)
    whose = settings.pictures or f"{settings.codec} in {settings.container}"
    return Fate("picture", what, "converted", "black", f"{whose} has none", loss=True)
