"""An observer inside the daemon and its worker: what they paint, and strikes at chosen moments."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.e2e.injected import sitecustomize
from tests.e2e.injected.sitecustomize import POINTS
from tests.e2e.program import ROOT


@dataclass(frozen=True)
class Strike:
    """A signal at a moment.

    Attributes:
        point: Which one, of `sitecustomize.POINTS`; calls are counted from the arming on.
        victim: "daemon" or "worker".
        signal: Its name.
        twice: Whether it comes twice, one right after the other.
        once: Whether it strikes once; else in every process that comes by.
        only: It strikes only where this is one of the step's arguments, as text.
    """

    point: str
    victim: str = "daemon"
    signal: str = "SIGKILL"
    twice: bool = False
    once: bool = True
    only: str = ""


class Observer:
    """Speaks to the observer inside, through a folder; see `sitecustomize`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._number = 0
        folder.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        """What the program needs in order to be observed."""
        injected = Path(sitecustomize.__file__).parent
        return {
            "NSTD_OBSERVED": str(self.folder),
            "PYTHONPATH": os.pathsep.join([str(injected), str(ROOT)]),
        }

    def arm(self, strike: Strike) -> None:
        """Have a strike come at its moment, from now on."""
        self._number += 1
        (self.folder / "struck").unlink(missing_ok=True)
        armed = asdict(strike) | POINTS[strike.point]._asdict() | {"number": str(self._number)}
        self._write("armed", json.dumps(armed))

    def disarm(self) -> None:
        """Have none come any more."""
        (self.folder / "armed").unlink(missing_ok=True)

    @property
    def has_struck(self) -> bool:
        """Whether what was last armed has struck, if it strikes once."""
        return (self.folder / "struck").exists()

    @contextmanager
    def full(self, step: str) -> Iterator[None]:
        """Leave no room on any disk during a step, as long as the block lasts."""
        self._write("full", step)
        try:
            yield
        finally:
            (self.folder / "full").unlink()

    def paintings(self, target: Path) -> Counter[int]:
        """How often the painting of each frame was begun, of the film with this output."""
        painted = self.folder / "painted"
        lines = painted.read_text().splitlines() if painted.exists() else []
        begun = [line.rpartition("\t") for line in lines]
        return Counter(int(frame) for name, _, frame in begun if name == str(target))

    def _write(self, name: str, content: str) -> None:
        part = self.folder / f"{name}.part"
        part.write_text(content)
        part.rename(self.folder / name)
