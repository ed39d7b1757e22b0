"""What a recipe asks for, checked against limits that hold on every device. No torch here."""

from pathlib import Path

from nstd.errors import ConfigError, UnsupportedError
from nstd.media.read.limits import Limits
from nstd.style.ladder import painted_size, plan_levels
from nstd.style.recipe import StyleRecipe


def require_within_limits(
    source: Path, recipe: StyleRecipe, limits: Limits, size: tuple[int, int], *, still: bool
) -> None:
    """Refuse to paint at too large a size, or in too many steps.

    Args:
        source: The film or picture.
        recipe: The look.
        limits: What its painting may take.
        size: Width and height of the source, in pixels.
        still: Whether it is a picture.

    Raises:
        UnsupportedError: The sentence says what is asked for, the limit, and what to do.
    """
    limits.require_painted_size(source, *painted_size(recipe.size, *size), still=still)
    try:
        levels = plan_levels(recipe.levels, *size, recipe.size)
    except ConfigError as error:
        raise UnsupportedError(
            f"{source} cannot be painted: {error.problem}", error.remedy
        ) from error
    limits.require_steps(source, sum(level.steps for level in levels))
