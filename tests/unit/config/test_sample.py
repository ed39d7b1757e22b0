"""What `nstd init` writes: the configuration and the unit of the repository, made to fit."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from nstd.config import load_config
from nstd.config.sample import begin, sample_config, shipped_text, unit_for
from nstd.errors import AccessError, OutputExistsError
from tests.unprivileged import unprivileged

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_written_is_in_force_and_watches_the_folders_that_were_made(tmp_path: Path) -> None:
    made = begin(tmp_path / "new/home", service=False)
    assert made.config == tmp_path / "new/home/nstd.yaml"
    assert made.unit is None
    config = load_config(made.config)
    (folder,) = config.folders
    assert (folder.watch, folder.output) == (made.watched, made.painted)
    assert made.watched
    assert made.watched.is_dir()
    assert made.painted
    assert made.painted.is_dir()
    assert folder.recipes == tuple(config.recipes)
    assert sorted(path.name for path in made.config.parent.iterdir()) == ["in", "nstd.yaml", "out"]


def test_it_is_the_repositorys_own_with_two_examples_in_force() -> None:
    shipped = (ROOT / "config.yaml").read_text()
    changed = [
        (before, after)
        for before, after in zip(shipped.splitlines(), sample_config().splitlines(), strict=True)
        if before != after
    ]
    assert all(before == f"# {after}" for before, after in changed)
    keys = [after.strip(" -").partition(":")[0] for _, after in changed]
    assert keys == ["night", "style", "strength", "watch", "output", "recipe"]


def test_nothing_that_is_there_is_replaced_and_nothing_is_half_begun(tmp_path: Path) -> None:
    (tmp_path / "nstd.service").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"nstd\.service is there already"):
        begin(tmp_path, service=True)
    assert [path.name for path in tmp_path.iterdir()] == ["nstd.service"]
    begin(tmp_path, service=False)
    (tmp_path / "nstd.yaml").write_text("threads: 3\n")
    (tmp_path / "in/film.mp4").touch()
    with pytest.raises(OutputExistsError):
        begin(tmp_path, service=False)
    assert (tmp_path / "nstd.yaml").read_text() == "threads: 3\n"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/nstd.yaml").symlink_to("nowhere")
    with pytest.raises(OutputExistsError):
        begin(tmp_path / "broken", service=False)


@pytest.mark.usefixtures("deniable")
def test_a_folder_that_may_not_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with unprivileged(), pytest.raises(AccessError, match="new"):
        begin(tmp_path / "new", service=False)


def test_the_unit_runs_this_program_with_that_file_and_may_write_there(tmp_path: Path) -> None:
    made = begin(tmp_path, service=True)
    assert made.unit is not None
    text, shipped = made.unit.read_text(), (ROOT / "systemd/nstd.service").read_text()
    (start,) = re.findall(r"(?m)^ExecStart=(.*)$", text)
    program, _, rest = start.partition(" run ")
    assert rest == f"--config {made.config}"
    ran = subprocess.run(
        [*program.split(), "--version"], capture_output=True, check=True, text=True
    )
    assert ran.stdout.startswith("nstd ")
    assert re.findall(r"(?m)^ReadWritePaths=(.*)$", text) == [f"-{tmp_path}"]
    assert len(text.splitlines()) == len(shipped.splitlines())
    kept = set(text.splitlines()) & set(shipped.splitlines())
    assert {"UMask=0002", "StateDirectory=nstd", "ProtectSystem=strict"} <= kept


def test_paths_are_written_as_systemd_reads_them() -> None:
    text = unit_for(Path('/srv/50% "odd" \\1/nstd.yaml'))
    escaped = r"/srv/50%% \"odd\" \\1"
    assert f'--config "{escaped}/nstd.yaml"\n' in text
    assert f'\nReadWritePaths="-{escaped}"\n' in text


def test_a_wheel_holds_what_the_checkout_has_at_its_top() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    assert set(included.values()) == {"nstd/data/config.yaml", "nstd/data/nstd.service"}
    for source, inside in included.items():
        assert shipped_text(Path(inside).name) == (ROOT / source).read_text()
        # Not here: there would be two, and one of them would be old.
        assert not (ROOT / inside).exists()
