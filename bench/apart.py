"""Flow and paint by any checkout of nstd, each in a process of its own.

Two versions of a package cannot be imported side by side; so `bench/temporal.py` starts this file
once for each checkout that it compares, and asks by lines of JSON: where the frames lie, and where
to put what comes of them. What was asked before is kept and not made again, unless the code that
makes it has changed: that is told by the bytes of its files, in whatever commit they are.
"""

import hashlib
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

OWN = Path(__file__).resolve().parents[1]
FLOW_CODE = ("flow",)
PAINT_CODE = ("style", "temporal", "painting")
ALONE_CODE = ("style",)
"""Packages on which flow, paint along it, and paint of independent frames depend."""


@dataclass
class Maker:
    """What finds a flow and paints along it.

    Attributes:
        estimator: A recipe's name for one, "module:attribute", or "true".
        checkout: The nstd that finds the flow and paints.
        kept: Folder for what was made.
        threads: Of the CPU.
    """

    estimator: str
    checkout: Path
    kept: Path
    threads: int = 1
    _process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """For tables."""
        beside = "" if self.checkout == OWN else f"@{self.checkout.name}"
        return self.estimator.rpartition(":")[2] + beside

    def flows(self, frames: np.ndarray) -> np.ndarray:
        """Backward and forward flow of frames `[n, height, width, 3]` and those before them.

        Returns:
            float32 `[n - 1, 2, 2, height, width]`.
        """
        module = self.estimator.partition(":")[0] if ":" in self.estimator else ""
        made_by = [digest(self.checkout, FLOW_CODE), _module_digest(module)]
        return self._made("flow", made_by, {"estimator": self.estimator}, frames=frames)

    def paint(
        self,
        frames: np.ndarray,
        flows: np.ndarray | None,
        options: dict[str, Any],
        cuts: Iterable[int] = (),
    ) -> np.ndarray:
        """Paint frames `[n, height, width, 3]`, each along the flow or, without, for itself.

        Args:
            frames: uint8, at the size that is painted.
            flows: As `flows` gives them.
            options: A recipe's keys, as in config.yaml.
            cuts: Numbers of the frames with which further shots begin.

        Returns:
            uint8, of the same shape.
        """
        code = ALONE_CODE if flows is None else PAINT_CODE
        arrays = {"frames": frames} if flows is None else {"frames": frames, "flows": flows}
        asked = {"options": options, "cuts": sorted(cuts)}
        return self._made("paint", [digest(self.checkout, code)], asked, **arrays)

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _made(
        self, what: str, made_by: list[str], asked: dict[str, Any], **arrays: np.ndarray
    ) -> np.ndarray:
        key = hashlib.sha256(json.dumps([what, made_by, asked], sort_keys=True).encode())
        for array in arrays.values():
            key.update(np.ascontiguousarray(array).tobytes())
        target = self.kept / f"{what}-{key.hexdigest()[:24]}.npy"
        if not target.exists():
            given = self.kept / f"given-{os.getpid()}.npz"
            np.savez(given, **arrays)
            self._ask({"do": what, "given": str(given), "to": str(target), **asked})
            given.unlink()
        made: np.ndarray = np.load(target)
        return made

    def _ask(self, request: dict[str, Any]) -> None:
        if self._process is None:
            paths = [str(self.checkout), os.environ.get("PYTHONPATH", "")]
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(self.threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            )
        process = self._process
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        if process.stdout.readline().strip() != "done":
            raise SystemExit(f"{self.name} failed: {request}")


def maker(said: str, kept: Path, threads: int) -> Maker:
    """What `ESTIMATOR` or `ESTIMATOR@CHECKOUT` names."""
    estimator, _, checkout = said.partition("@")
    kept.mkdir(parents=True, exist_ok=True)
    return Maker(estimator, Path(checkout).resolve() if checkout else OWN, kept, threads)


def digest(checkout: Path, packages: Iterable[str]) -> str:
    """Of the code of some of nstd's packages."""
    found = hashlib.sha256()
    for package in packages:
        for path in sorted((checkout / "nstd" / package).rglob("*.py")):
            found.update(str(path.relative_to(checkout)).encode() + path.read_bytes())
    return found.hexdigest()


def _module_digest(name: str) -> str:
    spec = importlib.util.find_spec(name) if name and not name.startswith("nstd.") else None
    at = spec and spec.origin
    return hashlib.sha256(Path(at).read_bytes()).hexdigest() if at else ""


# --- the other process, in which `nstd` is the checkout's -----------------------------------------


def _estimator(name: str) -> Any:
    if ":" not in name:
        from nstd.flow import choose_estimator  # noqa: PLC0415 - the checkout's

        return choose_estimator(name)
    module, _, attribute = name.partition(":")
    made = getattr(importlib.import_module(module), attribute)
    return made() if isinstance(made, type) else made


def _find_flow(frames: np.ndarray, estimator: Any) -> np.ndarray:
    found = [
        np.stack([np.asarray(flow)[0] for flow in estimator.estimate(frames[n - 1], frames[n])])
        for n in range(1, len(frames))
    ]
    return np.stack(found)


class _Quiet:
    """An observer that keeps what is painted."""

    def __init__(self) -> None:
        self.frames: list[np.ndarray] = []

    def stepped(self, frame: int, iterate: Any) -> None:
        """Nothing is to be done."""

    def painted(self, frame: Any) -> None:
        """Keep it."""
        self.frames.append(frame.pixels)

    def passed(self, frame: int) -> None:
        """Nothing is to be done."""


def _paint(
    given: dict[str, np.ndarray], options: dict[str, Any], cuts: list[int], threads: int
) -> np.ndarray:
    import torch  # noqa: PLC0415 - takes a second, which those who only ask need not wait

    from nstd.config import Config, recipe_from_options  # noqa: PLC0415
    from nstd.media.frame import Frame  # noqa: PLC0415
    from nstd.painting.frames import Coming  # noqa: PLC0415
    from nstd.painting.segment import SegmentInputs, ShotPainter  # noqa: PLC0415
    from nstd.scoring.style import make_painter  # noqa: PLC0415
    from nstd.style.recipe import INDEPENDENT  # noqa: PLC0415

    config = Config(threads=threads)
    recipe = recipe_from_options(config, name=None, overrides=options)
    flows = given.get("flows")
    if flows is None:
        recipe = replace(recipe, temporal=INDEPENDENT)
    observer, pictures = _Quiet(), given["frames"]
    inputs = SegmentInputs(painter=make_painter(config, recipe), frames=[])
    painting = ShotPainter(inputs, observer, 8)
    for number, picture in enumerate(pictures):
        frame = Frame(picture, number, number, 1, Fraction(1, 25))
        begins = number == 0 or number in cuts
        coming = Coming(frame, begins, pictures={0: picture})
        if flows is not None and not begins:
            before = pictures[number - 1]
            pair = tuple(torch.from_numpy(flow)[None] for flow in flows[number - 1])
            same = bool((picture == before).all())
            coming = Coming(frame, False, same, {1: pair}, {1: before, 0: picture})  # noqa: FBT003
        painting.take(coming)
    return np.stack(observer.frames)


def _serve(threads: int) -> None:
    import cv2  # noqa: PLC0415
    import torch  # noqa: PLC0415

    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    for line in sys.stdin:
        asked = json.loads(line)
        with np.load(asked["given"]) as arrays:
            given = dict(arrays)
        if asked["do"] == "flow":
            made = _find_flow(given["frames"], _estimator(asked["estimator"]))
        else:
            made = _paint(given, asked["options"], asked["cuts"], threads)
        # A name of its own until it is whole: what was stopped is not taken for made.
        part = f"{asked['to']}.part.npy"
        np.save(part, made)
        Path(part).replace(asked["to"])
        print("done", flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
