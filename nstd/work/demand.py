"""What a film asks of the machine: held against its limits and the memory there is, beforehand."""

import math

from nstd.errors import DeviceMemoryError, ShortMemoryError, UnsupportedError
from nstd.files import size_text
from nstd.style.ladder import SHORTEST_EDGE_PX
from nstd.work.film import Film
from nstd.work.limits import require_within_limits
from nstd.work.memory import Memory, memory_of
from nstd.work.plan import BASE_BYTES, Estimate, estimate


def require_affordable(film: Film, width: int, height: int, frames: int, *, still: bool) -> None:
    """Refuse a film or picture whose painting takes too much time or memory.

    Args:
        film: The film, on its device.
        width: Of the source, in pixels.
        height: Likewise.
        frames: How many are painted.
        still: Whether it is a picture.

    Raises:
        UnsupportedError: It is beyond a limit, or needs more memory than there is; with what is
            asked for, what there is, and what to do.
        DeviceMemoryError: It needs a smaller plan.
        ShortMemoryError: The memory is taken by others for now.
    """
    limits, recipe = film.output.limits, film.painter.recipe
    if film.output.copy:
        painted = film.painter.painted_size(width, height)
        limits.require_painted_size(film.source, *painted, still=still)
        return
    require_within_limits(film.source, recipe, limits, (width, height), still=still)
    found = estimate(recipe, width, height, frames, film.plan)
    device = film.painter.network.device
    limits.require_painting_time(
        film.source, str(device), frame_seconds=found.frame_seconds, seconds=found.seconds
    )
    memory = memory_of(device)
    if found.memory > memory.total:
        smallest = film.plan
        while (smaller := smallest.smaller()) is not None:
            smallest = smaller
        least = estimate(recipe, width, height, frames, smallest)
        if least.memory > memory.total:
            raise _too_large(film, least, memory)
        raise DeviceMemoryError(_need(film, found, f"{size_text(memory.total)} is all"))
    if found.memory > memory.free:
        raise ShortMemoryError(_need(film, found, f"{size_text(memory.free)} is free now"))


def _too_large(film: Film, least: Estimate, memory: Memory) -> UnsupportedError:
    # What is above the base grows with the square of the size.
    share = max(0, memory.total - BASE_BYTES) / (least.memory - BASE_BYTES)
    edge = math.floor(max(least.width, least.height) * math.sqrt(share))
    remedy = "Paint it on a device with more memory"
    if edge >= SHORTEST_EDGE_PX:
        remedy = f"Give its recipe a size of {edge} at most, or paint it on a device with more"
    return UnsupportedError(_need(film, least, f"{size_text(memory.total)} is all"), remedy)


def _need(film: Film, found: Estimate, there: str) -> str:
    return (
        f"Painting {film.source} at {found.width}×{found.height} pixels takes about "
        f"{size_text(found.memory)} of memory, and {there} that {film.painter.network.device} has"
    )
