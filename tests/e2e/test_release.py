"""What is published: built from a clean clone, and working where nothing else is installed."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
LARGEST_WHEEL = 6_000_000
"""Bytes. The network and seven styles are 4 MB of them, and PyPI's own limit is 100 MB."""


def call(*command: object, cwd: Path, **environment: str) -> str:
    """Run it where it can see neither the checkout nor what is the user's; what it says."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8", **environment}
    ended = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def build(source: Path, kind: str, folder: Path) -> Path:
    """Build a `wheel` or an `sdist` of the source, as a build front end has it done."""
    # The build's own requirement is installed with the tests: nothing is fetched for it.
    path = os.pathsep.join(part for part in sys.path if part.endswith("-packages"))
    call(
        sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder,
        cwd=source, PYTHONPATH=path,
    )  # fmt: skip
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last commit, and nothing that lies about beside it."""
    folder = tmp_path_factory.mktemp("clone")
    safe = ("-c", "safe.directory=*")  # the checkout may be another user's
    call("git", *safe, "clone", "--quiet", ROOT, folder / "nstd", cwd=folder)
    return folder / "nstd"


@pytest.fixture(scope="module")
def wheel(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(clone, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(clone, "sdist", tmp_path_factory.mktemp("sdist"))


def version_of(clone: Path) -> str:
    return str(tomllib.loads((clone / "pyproject.toml").read_text())["project"]["version"])


def test_the_wheel_is_small_and_holds_the_package_alone(clone: Path, wheel: Path) -> None:
    assert wheel.name == f"nstd-{version_of(clone)}-py3-none-any.whl"
    assert wheel.stat().st_size <= LARGEST_WHEEL
    names = zipfile.ZipFile(wheel).namelist()
    assert {Path(name).parts[0] for name in names} == {
        "nstd",
        f"nstd-{version_of(clone)}.dist-info",
    }
    tracked = call("git", "ls-files", "nstd", cwd=clone).split()
    made_elsewhere = {"nstd/data/config.yaml", "nstd/data/nstd.service"}
    assert {name for name in names if ".dist-info/" not in name} == {*tracked, *made_elsewhere}


def test_the_source_package_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build(source, "wheel", tmp_path / "again")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_the_source_package_holds_what_the_clone_does(clone: Path, sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    tracked = set(call("git", "ls-files", cwd=clone).split())
    assert tracked - held == set(), "the tests and the program that runs them are part of it"
    assert held - tracked == {"PKG-INFO"}


def test_the_change_log_has_a_section_for_this_version(clone: Path) -> None:
    titles = re.findall(r"(?m)^## (.+)$", (clone / "CHANGELOG.md").read_text())
    assert titles[0] == "[Unreleased]"
    version = version_of(clone)
    if ".dev" not in version:
        assert re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", titles[1])


def required(name: str, found: dict[str, Distribution]) -> None:
    """Gather the distribution of that name, and all that it requires without any extra."""
    dist = distribution(name)
    for text in dist.requires or ():
        wanted = Requirement(text)
        if wanted.name not in found and (
            not wanted.marker or wanted.marker.evaluate({"extra": ""})
        ):
            found[wanted.name] = distribution(wanted.name)
            required(wanted.name, found)


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and what the wheel says that it requires.

    Of the latter nothing is installed anew, which would fetch a gigabyte: it is linked from the
    environment that the tests run in. What is there for the tests alone is not to be seen.
    """
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    call(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    (metadata,) = packages.glob("nstd-*.dist-info")
    found: dict[str, Distribution] = {}
    for text in Distribution.at(metadata).requires or ():
        wanted = Requirement(text)
        if not wanted.marker or wanted.marker.evaluate({"extra": ""}):
            found[wanted.name] = distribution(wanted.name)
            assert found[wanted.name].version in wanted.specifier, wanted
            required(wanted.name, found)
    for dist in found.values():
        for part in {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"}:
            if not (packages / part).exists():
                (packages / part).symlink_to(Path(str(dist.locate_file(part))))
    return folder


def test_it_works_where_nothing_else_is_installed(clone: Path, bare: Path, tmp_path: Path) -> None:
    nstd = bare / "bin/nstd"
    assert call(nstd, "--version", cwd=tmp_path).split() == ["nstd", version_of(clone)]
    told = "import nstd; print(nstd.__version__, nstd.__file__)"
    version, where = call(bare / "bin/python", "-c", told, cwd=tmp_path).split()
    assert version == version_of(clone)
    assert Path(where).is_relative_to(bare)

    call(nstd, "init", cwd=tmp_path)
    assert (tmp_path / "nstd.yaml").is_file()
    call(nstd, "check", cwd=tmp_path)
    call(nstd, "init", "--service", tmp_path / "service", cwd=tmp_path)
    assert (tmp_path / "service/nstd.service").is_file()

    call(nstd, "demo", "--seconds", "0.25", "--quiet", cwd=tmp_path)
    assert {path.name for path in (tmp_path / "nstd-demo").iterdir()} == {
        "sample.mp4",
        "painted.mp4",
        "sheet.png",
    }
