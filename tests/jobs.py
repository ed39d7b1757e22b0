"""Jobs that take no time: a configuration, pictures to paint, and who looks on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image

from nstd.check.machine import make_folders
from nstd.config import Config
from nstd.ledger.job import Job
from nstd.style.optimize import Iterate
from tests.networks import make_quarter_network


class Onlooker:
    """Remembers which frames were worked on, and how many were painted; does as it is told."""

    stopping = False
    total = 0

    def __init__(
        self,
        when_painted: Callable[[int], object] = lambda _: None,
        *,
        when_begun: Callable[[], object] = lambda: None,
    ) -> None:
        self.worked_on: set[int] = set()
        self.frames = 0
        self._when_painted, self._when_begun = when_painted, when_begun

    def began(self, job: Job, *, painted: int, total: int) -> None:
        self.total = total

    def turn(self, number: int, count: int) -> None:
        pass

    def doing(self, what: str) -> None:
        pass

    def alive(self) -> None:
        pass

    def stepped(self, frame: int, iterate: Iterate) -> None:
        self.worked_on.add(frame)
        if iterate.step == 1 and not iterate.final:
            self._when_begun()

    def painted(self, frame: int) -> None:
        self.frames += 1
        self._when_painted(frame)

    def stop_at(self, last: int) -> None:
        """Stop once frame `last` is painted."""

        def stop(frame: int) -> None:
            self.stopping = frame >= last

        self._when_painted = stop


def save_picture(path: Path, color: str = "blue", form: str | None = None) -> Path:
    """Write a small picture of one color, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new("RGB", (40, 32), color).save(path, form)
    return path


def small_config(folder: Path, **more: Any) -> Config:
    """Of `folder/in`, whose films are painted into `folder/out` by a recipe `oil`."""
    (folder / "in").mkdir(exist_ok=True)
    style = save_picture(folder / "style.png", "red")
    network = make_quarter_network(folder / "n.safetensors", 0, (2, 2, 2, 2, 2), readout=False)
    data: dict[str, Any] = {
        "state_dir": folder / "state",
        "cache_dir": folder / "cache",
        "devices": "cpu",
        "threads": 1,
        "settle_seconds": 0.01,
        "network": str(network),
        "recipes": {"oil": {"styles": str(style), "levels": "32:1"}},
        "folders": [{"watch": folder / "in", "output": folder / "out", "recipe": "oil"}],
    }
    config = Config.model_validate(data | more)
    make_folders(config)  # nstd makes none of those that it writes to
    return config
