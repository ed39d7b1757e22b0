"""The way out: encode segments, join them with the source's sound, publish in one step."""

from nstd.files import facts_of, part_path, publish
from nstd.media.write.assemble import assemble
from nstd.media.write.encode import CODECS, CONTAINERS, PRESETS, EncodeSettings
from nstd.media.write.segment import SegmentWriter, check_size, joins

__all__ = [
    "CODECS",
    "CONTAINERS",
    "PRESETS",
    "EncodeSettings",
    "SegmentWriter",
    "assemble",
    "check_size",
    "facts_of",
    "joins",
    "part_path",
    "publish",
]
