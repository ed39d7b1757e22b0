"""What tests of pictures need."""

from pathlib import Path
from typing import NamedTuple

from nstd.media.still import Still
from nstd.media.still_write import still_fates


class Keeping(NamedTuple):
    """What becomes of what belongs to a picture, by name."""

    kept: tuple[str, ...]
    converted: tuple[str, ...]
    lost: tuple[str, ...]


def keeping(still: Still, target: Path) -> Keeping:
    """What becomes of what belongs to `still` in a picture at `target`."""
    fates = still_fates(still, target)
    return Keeping(
        *(
            tuple(fate.what for fate in fates if fate.outcome == outcome)
            for outcome in Keeping._fields
        )
    )
