"""The real program in this process, painting nothing: `nstd stylize --copy`."""

import contextlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nstd.cli.main import main


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, what it said, and the result of its one input."""

    code: int
    said: str
    result: Mapping[str, Any]

    @property
    def report(self) -> Mapping[str, Any]:
        """What was found out about the film."""
        found: Mapping[str, Any] = self.result.get("report") or {}
        return found

    @property
    def sentences(self) -> list[str]:
        """What becomes of each part of it."""
        return [fate["sentence"] for fate in self.report["keeping"]["fates"]]


def at_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Let the program have its folders below `home`."""
    patch.setenv("HOME", str(home))
    for name in ("STATE", "CACHE", "CONFIG"):
        patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    patch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    patch.setattr("nstd.submit.notice.RUNTIME", home / "run")


def copy(source: Path, target: Path, *options: str) -> Ended:
    """Send one file through all of the program, unpainted."""
    command = ["stylize", "--copy", str(source), "-o", str(target), "--json", *options]
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(command)
        except SystemExit as ended:
            code = ended.code
    told = json.loads(out.getvalue())
    results = told if isinstance(told, list) else told.get("results", [told])
    return Ended(int(code or 0), err.getvalue(), results[0] if results else {})
