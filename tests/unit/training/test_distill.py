"""A run of the training: stopping it changes nothing, and every parameter is trained."""

import functools
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.training import tiny
from training import distill
from training.distill import Run
from training.exploit import Exploits
from training.student import BUILT, MATCHED, Student

pytestmark = tiny.needs_muon


class Stopped(Run):
    """Asked to stop during the third step, as by a signal."""

    def _one_step(self) -> dict[str, tuple[float, float]]:
        parts = super()._one_step()
        self.stop = self.step == 2
        return parts


@pytest.fixture(scope="module", autouse=True)
def _often() -> Any:
    """A log line every second step, a checkpoint every fourth; pictures optimized for a moment."""
    briefly = functools.partialmethod(Exploits.refresh, contents=2, steps=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exploits, "refresh", briefly)
        patch.setattr(distill, "LOG_EVERY", 2)
        patch.setattr(distill, "SAVE_EVERY", 4)
        yield


@pytest.fixture(scope="module")
def unbroken(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tiny.arguments(inputs, tmp_path_factory.mktemp("unbroken")))
    run.train()
    return run


@pytest.fixture(scope="module")
def resumed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    arguments = tiny.arguments(inputs, tmp_path_factory.mktemp("resumed"))
    stopped = Stopped(arguments)
    stopped.train()
    assert stopped.step == 3
    run = Run(arguments)
    run.resume()
    assert run.step == 3
    assert tiny.same_states(run.student, stopped.student)
    run.train()
    return run


def checkpoint(run: Run) -> dict[str, Any]:
    kept: dict[str, Any] = torch.load(run.folder / "checkpoint.pt", weights_only=True)
    return kept


def test_stopped_and_resumed_it_is_the_same_student_to_the_last_bit(
    unbroken: Run, resumed: Run
) -> None:
    assert unbroken.step == resumed.step == 6
    assert tiny.same_states(unbroken.student, resumed.student)
    assert torch.equal(unbroken.exploits.pictures, resumed.exploits.pictures)
    assert unbroken.exploits.made == resumed.exploits.made > 0
    for layer in MATCHED:
        for own, other in zip(
            unbroken.solver.moments[layer], resumed.solver.moments[layer], strict=True
        ):
            assert torch.equal(own, other)


def test_every_parameter_has_been_trained_and_the_checkpoint_holds_it(unbroken: Run) -> None:
    begun = Student(unbroken.teacher.outputs, unbroken.plan.seed).state_dict()
    kept = checkpoint(unbroken)
    assert kept["step"] == 6
    for name, tensor in unbroken.student.state_dict().items():
        assert torch.equal(kept["student"][name], tensor), name
        if name.startswith(("convolutions", "readouts")):
            assert not torch.equal(begun[name], tensor), name
    assert sum(name.startswith("convolutions") for name in begun) == 2 * len(BUILT)
    assert sorted(path.name for path in unbroken.folder.iterdir()) == ["checkpoint.pt", "log.jsonl"]


def test_the_command_line_runs_a_plan_and_a_finished_one_stands(
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest's own are left alone
    plan = {"steps": 2, "batch": 1, "size": tiny.SIZE, "exploit-from": 9, "device": "cpu"}
    folders = {"teacher": inputs / "teacher.safetensors", "photographs": inputs / "photographs"}
    options = {**plan, **folders, "paintings": inputs / "paintings", "out": tmp_path}
    line = [f"--{name}={value}" for name, value in options.items()]
    monkeypatch.setattr(sys, "argv", ["distill", *line])
    distill.main()
    assert capsys.readouterr().out.startswith("2/2 ")
    student = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["student"]
    distill.main()
    assert capsys.readouterr().out == ""
    again = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["student"]
    assert all(torch.equal(student[name], again[name]) for name in student)
