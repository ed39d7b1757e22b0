"""What `import nstd` offers, and what it takes."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import nstd

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {
    "torch",
    "torchvision",
    "numpy",
    "cv2",
    "av",
    "PIL",
    "pydantic",
    "typer",
    "sqlite3",
    "yaml",
}


def _run(script: str, path: Path = ROOT, *flags: str) -> str:
    answer = subprocess.run(
        [sys.executable, *flags, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=path,  # the first place that modules come from
        env=os.environ | {"PYTHONPATH": str(path)},
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_importing_loads_nothing_heavy() -> None:
    loaded = set(_run("import sys, nstd\nprint(*sys.modules)").split())
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("nstd")} == {"nstd", "nstd.errors"}


def test_the_version_and_the_errors_need_no_torch_either() -> None:
    script = "import sys, nstd\nnstd.__version__, nstd.errors.InputError, dir(nstd)\n"
    assert not set(_run(script + "print(*sys.modules)").split()) & HEAVY


def test_every_public_name_is_there() -> None:
    assert set(nstd.__all__) <= set(dir(nstd))
    for name in nstd.__all__:
        assert getattr(nstd, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'stilize'"):
        nstd.stilize  # type: ignore[attr-defined]  # noqa: B018


def test_the_version_is_the_installed_one() -> None:
    assert nstd.__version__ == version("nstd")


def test_a_checkout_that_is_not_installed_knows_its_version(tmp_path: Path) -> None:
    (tmp_path / "nstd").mkdir()
    for name in ("__init__.py", "errors.py"):
        (tmp_path / "nstd" / name).write_bytes((ROOT / "nstd" / name).read_bytes())
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "7.8.9"\n', "utf-8")
    script = "import nstd; print(nstd.__version__)"
    # -S: without what is installed beside this interpreter.
    assert _run(script, tmp_path, "-S") == "7.8.9\n"
