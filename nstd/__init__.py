"""nstd: films and pictures painted by neural style transfer, dropped into a folder or named.

The public API, described in `docs/python.md`::

    import nstd

    nstd.stylize("film.mp4", style="impasto", strength="normal", on_progress=print)
    painted = nstd.paint(image, style="woodcut", size=256)

Names are loaded when they are first used: `import nstd` alone needs neither torch nor NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nstd import errors
from nstd.errors import Interrupted, NstdError

if TYPE_CHECKING:
    from nstd.api.films import stylize
    from nstd.api.pictures import paint
    from nstd.api.progress import Progress
    from nstd.api.recipes import recipe
    from nstd.style.recipe import StyleRecipe as Recipe
    from nstd.work.result import Result

    __version__: str

__all__ = [
    "Interrupted",
    "NstdError",
    "Progress",
    "Recipe",
    "Result",
    "__version__",
    "errors",
    "paint",
    "recipe",
    "stylize",
]

_HOMES = {
    "paint": ("nstd.api.pictures", "paint"),
    "stylize": ("nstd.api.films", "stylize"),
    "recipe": ("nstd.api.recipes", "recipe"),
    "Progress": ("nstd.api.progress", "Progress"),
    "Recipe": ("nstd.style.recipe", "StyleRecipe"),
    "Result": ("nstd.work.result", "Result"),
}
"""Module and name of what is loaded when it is first used."""


def _version() -> str:
    """As installed; of a checkout that is not, what its pyproject.toml says."""
    import tomllib  # noqa: PLC0415 - with the next, slower than all of this module
    from importlib import metadata  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    try:
        return metadata.version("nstd")
    except metadata.PackageNotFoundError:
        project = Path(__file__).resolve().parents[1] / "pyproject.toml"
        return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])


if not TYPE_CHECKING:  # else every name would be one

    def __getattr__(name: str) -> Any:
        """What is public and not loaded yet."""
        if name == "__version__":
            found: Any = _version()
        elif name in _HOMES:
            module, inside = _HOMES[name]
            found = getattr(import_module(module), inside)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
