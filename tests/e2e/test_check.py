"""`nstd check` and `nstd weights`: what is there, what is wrong, what to do."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clips import make
from tests.e2e.conftest import make_home
from tests.e2e.forking import Case, Fate, run_forked
from tests.e2e.program import ROOT, TINY, Program, digest
from tests.http_origin import Origin, Server, serving
from tests.networks import make_quarter_network, make_torchvision_vgg19

SECONDS_TO_REFUSE = 30
"""Far more than a refused connection and a start take, far less than a lost one's time limit."""


def settings(network: Path, style: Path, work: Path, keys: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "network": str(network),
        "recipes": {"tiny": {"styles": str(style), **TINY}},
        "folders": [{"watch": str(work / "in"), "output": str(work / "out"), "recipe": "tiny"}],
    }
    return usual | keys


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> dict[str, Fate]:
    """`check` of several configurations."""
    tiny = {"styles": str(style), **TINY}
    changes: dict[str, dict[str, Any]] = {
        "good": {},
        "good, for people": {},
        "missing device": {"devices": ["cuda:99"]},
        "missing network": {"network": "vgg19"},
        "auto": {"network": "auto"},
        "missing flow": {"recipes": {"tiny": {**tiny, "temporal": {"estimator": "raft"}}}},
        "missing folder": {},
        "broken": {"setle_seconds": 3},
        "nothing to watch": {"folders": []},
    }
    cases = []
    for name, change in changes.items():
        program = make_home(tmp_path_factory.mktemp("check"), network, style)
        program.configure(**settings(network, style, program.work, change))
        if name != "missing folder":
            (program.work / "in").mkdir()
        options = {"good, for people": (), "nothing to watch": ("--run", "--json")}
        arguments = ("check", *options.get(name, ("--json",)))
        cases.append(Case(str(program.work), program.environment(), arguments))
    return {name: fate for name, (fate,) in zip(changes, run_forked(cases), strict=True)}


def findings(fate: Fate) -> list[tuple[str, str, str]]:
    return [(row["subject"], row["verdict"], row["text"]) for row in json.loads(fate.out)]


def faults(fate: Fate) -> list[tuple[str, str]]:
    return [(subject, text) for subject, verdict, text in findings(fate) if verdict == "fault"]


def test_a_good_configuration_is_looked_at_in_all_respects_and_found_good(
    checks: dict[str, Fate],
) -> None:
    fate = checks["good"]
    assert fate.code == 0, fate.out
    assert faults(fate) == []
    subjects = {subject for subject, _, _ in findings(fate)}
    # Where root runs the tests, these are a service's folders, and closed to everybody else.
    assert subjects - {"sharing"} == {
        "config", "versions", "device", "torchvision", "codecs", "weights", "network", "flow",
        "folder",
    }  # fmt: skip
    texts = [text for _, _, text in findings(fate)]
    assert any("Recipe tiny paints with" in text for text in texts)
    assert fate.left == {}


def test_for_people_it_is_one_line_a_finding(checks: dict[str, Fate]) -> None:
    fate = checks["good, for people"]
    assert fate.code == 0
    lines = fate.out.splitlines()
    assert len(lines) == len(findings(checks["good"]))
    assert all(line[:5] in {"  ok ", " note", "FAULT"} for line in lines)


def test_a_missing_device_is_a_fault_with_its_own_code(checks: dict[str, Fate]) -> None:
    fate = checks["missing device"]
    assert fate.code == 69
    ((subject, text),) = faults(fate)
    assert subject == "device"
    assert "no device cuda:99" in text


def test_a_missing_network_is_a_fault_that_says_how_to_get_it(checks: dict[str, Fate]) -> None:
    fate = checks["missing network"]
    assert fate.code == 1
    ((subject, text),) = faults(fate)
    assert subject == "network"
    assert "Recipe tiny" in text
    assert "`nstd weights fetch vgg19`" in text


def test_a_missing_estimator_is_a_fault_that_says_how_to_get_it(checks: dict[str, Fate]) -> None:
    fate = checks["missing flow"]
    assert fate.code == 1
    ((subject, text),) = faults(fate)
    assert subject == "flow"
    assert "Recipe tiny: There are no weights of RAFT" in text
    assert "`nstd weights fetch raft`" in text


def test_what_auto_stands_for_is_said_with_why_and_how_to_get_the_other(
    checks: dict[str, Fate],
) -> None:
    fate = checks["auto"]
    (text,) = (text for subject, _, text in findings(fate) if subject == "network")
    assert "Recipe tiny paints with pocket (auto: " in text
    assert "nstd weights fetch vgg19" in text
    # With a GPU and with none it is another reason.
    assert ("painting runs on the CPU" in text) != ("weights of vgg19 are not here" in text)


def test_a_missing_folder_is_a_fault(checks: dict[str, Fate]) -> None:
    fate = checks["missing folder"]
    assert fate.code == 1
    ((subject, text),) = faults(fate)
    assert subject == "folder"
    assert "/in is not there, or out of reach. Mount its disk, or create it: `nstd check" in text


def test_a_broken_configuration_is_named_with_its_line_and_the_rest_is_looked_at(
    checks: dict[str, Fate],
) -> None:
    fate = checks["broken"]
    assert fate.code == 78
    subject, text = faults(fate)[0]
    assert subject == "config"
    lines = [number for number in range(1, 40) if f"config.yaml:{number}:" in text]
    assert len(lines) == 1
    assert "setle_seconds" in text
    subjects = {subject for subject, _, _ in findings(fate)}
    assert {"versions", "device", "codecs", "weights", "folder"} <= subjects


def test_what_the_daemon_alone_needs_is_looked_at_when_asked(checks: dict[str, Fate]) -> None:
    fate = checks["nothing to watch"]
    assert fate.code == 78
    ((subject, text),) = faults(fate)
    assert subject == "config"
    assert "config.yaml watches no folder. Add one" in text


def test_a_service_is_named_with_its_option_and_has_a_configuration_of_its_own(
    program: Program,
) -> None:
    wrong = (("check", "nstd.service"), ("check", "--service", "--config", "config.yaml"))
    cases = [Case(str(program.work), program.environment(), arguments) for arguments in wrong]
    no_option, two = (fate for (fate,) in run_forked(cases))
    assert (no_option.code, two.code) == (2, 2)
    assert "without --service" in no_option.err
    assert "--config and --service" in two.err


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> dict[str, Fate]:
    """`run` with configurations that it cannot run with."""
    changes: dict[str, dict[str, Any]] = {
        "missing device": {"devices": ["cuda:99"]},
        "bad state": {"state_dir": "/dev/null/state"},
        "broken": {"setle_seconds": 3},
        "nothing to watch": {"folders": []},
    }
    cases = []
    for change in changes.values():
        program = make_home(tmp_path_factory.mktemp("start"), network, style)
        program.configure(**settings(network, style, program.work, change))
        (program.work / "in").mkdir()
        cases.append(Case(str(program.work), program.environment(), ("run",)))
    return {name: fate for name, (fate,) in zip(changes, run_forked(cases), strict=True)}


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("missing device", 69, "There is no device cuda:99 here"),
        ("bad state", 75, "/dev/null/state"),
        ("broken", 78, "setle_seconds"),
        ("nothing to watch", 78, "watches no folder"),
    ],
)
def test_what_the_daemon_cannot_be_without_ends_it_with_its_own_code_and_a_sentence(
    starts: dict[str, Fate], name: str, code: int, text: str
) -> None:
    fate = starts[name]
    assert fate.code == code, fate
    last = fate.err.splitlines()[-1]
    assert last.startswith("nstd: ")
    assert text in last
    assert "Traceback" not in fate.err


def test_what_jobs_would_lack_is_said_at_the_start_and_the_daemon_goes_on(
    program: Program, network: Path, style: Path
) -> None:
    (program.work / "in").mkdir()
    program.configure(**settings(network, style, program.work, {"network": "vgg19"}))
    with program.started("run") as running:
        running.until(lambda: "`nstd weights fetch vgg19`" in running.log, "the warning")
        running.until(lambda: "Watching" in running.log, "it watches")
        running.send(signal.SIGTERM)
        assert running.wait().code == 0
    assert "Traceback" not in running.log


@pytest.fixture
def broken_torchvision(tmp_path: Path) -> dict[str, str]:
    """Variables with which `import torchvision` fails as a wheel of another torch does."""
    package = tmp_path / "stub/torchvision"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    return {"PYTHONPATH": f"{package.parent}:{ROOT}"}


def test_a_torchvision_that_cannot_be_imported_is_only_a_note(
    program: Program, broken_torchvision: dict[str, str]
) -> None:
    ended = program.run("check", environment=broken_torchvision)
    assert ended.code == 0, ended
    (line,) = (line for line in ended.out.splitlines() if "torchvision:" in line[:20])
    assert line.startswith(" note")
    assert "operator torchvision::nms does not exist" in line
    assert "Traceback" not in ended.err


def test_without_torchvision_a_network_that_is_here_paints(
    program: Program, broken_torchvision: dict[str, str]
) -> None:
    make(program.work / "film.mp4", times=(0, 512), size=(48, 32))
    arguments = ("film.mp4", "--recipe", "tiny", "-o", "out.mp4")
    ended = program.run("stylize", *arguments, environment=broken_torchvision)
    assert ended.code == 0, ended.err
    assert (program.work / "out.mp4").is_file()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server whose file is not the one that torchvision promises."""
    with serving(Origin(b"not the weights of VGG-19")) as running:
        yield running


def test_weights_are_listed_imported_and_verified(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> None:
    program = make_home(tmp_path_factory.mktemp("weights"), network, style)
    mine = make_torchvision_vgg19(program.work / "mine.pth", widths=(2, 2, 2, 2, 2))
    sound = make_quarter_network(program.work / "sound.safetensors", widths=(2, 2, 2, 2, 2))
    content = bytearray(sound.read_bytes())
    content[-1] ^= 1
    (program.work / "hurt.safetensors").write_bytes(content[: len(content) // 2])
    commands = [
        ("weights", "list", "--json"),
        ("weights", "import", "mine.pth"),
        ("weights", "import", "mine.pth", "--layout", "torchvision", "--name", "mine"),
        ("weights", "import", "mine.pth", "--layout", "keras"),
        ("weights", "list", "--json"),
        ("weights", "list"),
        ("weights", "verify", "mine", "--json"),
        ("weights", "verify", "hurt.safetensors"),
        ("weights", "verify", "yours"),
    ]
    cases = [Case(str(program.work), program.environment(), command) for command in commands]
    (
        empty, unclear, imported, unknown, full, shown, verified, hurt, missing,
    ) = (fate for (fate,) in run_forked(cases))  # fmt: skip

    (vgg19,) = (row for row in json.loads(empty.out) if row["name"] == "vgg19")
    assert (vgg19["state"], vgg19["path"]) == ("absent", None)
    assert "weights fetch vgg19" in vgg19["remedy"]

    assert unclear.code == 1
    assert "--layout" in unclear.err
    assert imported.code == 0, imported.err
    stored = program.cache / "weights/mine.safetensors"
    assert imported.out == f"{stored}\n"
    assert unknown.code == 2
    assert "keras" in unknown.err

    (row,) = (row for row in json.loads(full.out) if row["name"] == "mine")
    assert (row["state"], row["path"], row["sha256"]) == ("present", str(stored), digest(stored))
    assert any(line.startswith("mine: conv1_1…conv5_1") for line in shown.out.splitlines())
    assert "vgg19: absent" in shown.out
    assert verified.code == 0
    assert json.loads(verified.out) == row

    assert hurt.code == 1
    assert "hurt.safetensors" in hurt.err
    assert missing.code == 1
    assert "no network called yours" in missing.err
    assert mine.exists()


@pytest.mark.parametrize("name", ["vgg19", "raft"])
def test_a_download_that_is_another_file_is_refused_by_its_hash(
    program: Program, server: Server, name: str
) -> None:
    ended = program.run("weights", "fetch", name, "--url", server.url)
    assert ended.code == 75, ended
    last = ended.err.splitlines()[-1]
    assert last.startswith(f"nstd: What {server.url} sends is not the file that was promised")
    assert "SHA-256" in last
    assert "Traceback" not in ended.err
    assert not [path for path in program.cache.rglob(f"*{name}*") if path.is_file()]


def test_a_refused_connection_ends_it_with_75_in_seconds(program: Program) -> None:
    with socket.socket() as free:  # bound and not listening: connections are refused
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/vgg19.pth"
        begun = time.monotonic()
        ended = program.run("weights", "fetch", "vgg19", "--url", url)
        assert time.monotonic() - begun < SECONDS_TO_REFUSE
    assert ended.code == 75, ended
    assert url in ended.err.splitlines()[-1]
    assert "then try again" in ended.err
    assert "Traceback" not in ended.err
