"""What the shell is offered, asked as it asks: through the program's own completer."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from nstd.cli import main
from nstd.gallery import list_styles
from nstd.ledger.job import Job, JobKey, JobRequest
from nstd.ledger.store import JobStore
from nstd.media.write.codecs import CODECS
from nstd.media.write.containers import CONTAINERS
from nstd.media.write.encoders import PRESETS

STYLES = [style.name for style in list_styles()]

Offered = Callable[[str], list[str]]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").touch()
    keys = {
        "state_dir": str(tmp_path / "state"),
        "cache_dir": str(tmp_path / "cache"),
        "recipes": {"night": {"style": "a.jpg"}, "noon": {"style": "impasto"}},
    }
    (tmp_path / "nstd.yaml").write_text(yaml.safe_dump(keys))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Offered:
    """What bash is offered for a line whose last word is to be completed."""

    def complete(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_NSTD_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        with pytest.raises(SystemExit) as ended:
            main([])
        told = capsys.readouterr()
        assert (ended.value.code, told.err) == (0, "")
        return told.out.split()

    return complete


def put(store: JobStore, name: str) -> Job:
    key = JobKey(b"/in", name.encode(), name, "night")
    return store.enqueue(JobRequest(key, b"/in/x", b"/out/x", {"style": 1}, {}))[0]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("nstd stylize --style ", [*STYLES, "a.jpg"]),
        ("nstd stylize --style imp", ["impasto"]),
        ("nstd demo --style p", ["pastel"]),
        ("nstd score f.mp4 --style mo", ["mosaic"]),
        ("nstd stylize --recipe n", ["night", "noon"]),
        ("nstd add --recipe ni", ["night"]),
        ("nstd stylize --codec ", list(CODECS)),
        ("nstd stylize --preset very", [one for one in PRESETS if one.startswith("very")]),
        ("nstd stylize --container m", [one for one in CONTAINERS if one.startswith("m")]),
        ("nstd stylize --container ", list(CONTAINERS)),
        ("nstd stylize --strength ", ["subtle", "normal", "strong"]),
        ("nstd stylize --temporal ", ["flow", "independent"]),
        ("nstd stylize --size 1", ["1080p", "1440p"]),
        ("nstd stylize --style-layers conv1_1,conv2", ["conv1_1,conv2_1", "conv1_1,conv2_2"]),
        ("nstd stylize --content-layer conv5_", [f"conv5_{n}" for n in (1, 2, 3, 4)]),
        ("nstd stylize --network p", ["pocket"]),
        ("nstd weights fetch ", ["vgg19", "raft"]),
        ("nstd weights import x.pth --layout g", ["gatys"]),
        ("nstd jobs --state f", ["failed"]),
        ("nstd stylize --seed ", []),
        ("nstd cle", ["clean"]),
    ],
)
def test_values_are_offered(offered: Offered, line: str, values: list[str]) -> None:
    assert offered(line) == values


@pytest.mark.parametrize(
    "line", ["nstd stylize a", "nstd stylize --config n", "nstd add --output "]
)
def test_names_of_files_are_left_to_the_shell(offered: Offered, line: str) -> None:
    assert offered(line) == []


def test_devices_are_offered(offered: Offered) -> None:
    assert offered("nstd stylize --device c")[0] == "cpu"


def test_networks_in_the_cache_are_offered(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "cache/weights").mkdir(parents=True)
    (tmp_path / "cache/weights/mine.safetensors").touch()
    assert offered("nstd weights verify ") == ["pocket", "vgg19", "mine", "raft"]
    assert offered("nstd stylize --network ") == ["auto", "pocket", "vgg19", "mine"]


def test_jobs_are_offered_that_the_verb_concerns(offered: Offered, tmp_path: Path) -> None:
    assert offered("nstd show ") == []
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        for name in ("queued", "canceled", "paused"):
            put(store, name)
        store.cancel(2)
        store.pause(3)
        for verb, numbers in (
            ("show", ["3", "2", "1"]),
            ("cancel", ["3", "1"]),
            ("retry", ["3", "2", "1"]),
            ("pause", ["1"]),
            ("resume", ["3"]),
            ("retry 2", ["3", "1"]),
        ):
            assert offered(f"nstd {verb} ") == numbers


def test_of_another_configuration_its_recipes_are_offered(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("recipes: {dusk: {style: impasto}}")
    assert offered("nstd stylize --config other.yaml --recipe ") == ["dusk"]


def test_whatever_is_wrong_nothing_is_said(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "nstd.yaml").write_text("recipes: [")
    for line in ("nstd stylize --recipe ", "nstd show ", "nstd stylize --network x"):
        assert offered(line) == []


def test_bash_itself_completes_with_the_script_that_is_installed(tmp_path: Path) -> None:
    bash, program = shutil.which("bash"), Path(sys.executable).with_name("nstd")
    if bash is None or not program.exists():
        pytest.skip("there is no bash here, or nstd is not installed beside this Python")
    script = (
        f"PATH={program.parent}:$PATH; source <(nstd --show-completion bash)\n"
        "COMP_WORDS=(nstd stylize film.mp4 --style st); COMP_CWORD=4\n"
        '_nstd_completion nstd; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    answer = subprocess.run(
        [bash, "--norc", "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert (answer.stdout, answer.stderr) == ("stainedglass\n", "")
