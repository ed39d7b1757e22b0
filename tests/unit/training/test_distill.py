"""A run of the training: what it logs, and that stopping it changes nothing."""

import functools
import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.training import tiny
from training import distill
from training.distill import Plan, Run
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


def log(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]


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


def test_after_a_resumption_too_the_optimizer_moves_what_is_saved(resumed: Run) -> None:
    # A kernel that no longer shared its memory with Muon's matrix would silently stand still.
    for matrix, kernel in resumed.optimizer._pairs:
        assert matrix.data_ptr() == kernel.data_ptr()
    own = {p.data_ptr() for p in resumed.student.convolutions.parameters()}
    driven = [
        p.data_ptr()
        for optimizer in resumed.optimizer.optimizers
        for group in optimizer.param_groups
        for p in group["params"]
    ]
    assert len(driven) == len(own)
    assert set(driven) == own


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


def test_the_log_has_its_lines(unbroken: Run, resumed: Run) -> None:
    for run in (unbroken, resumed):
        records = log(run)
        assert [record["step"] for record in records] == [2, 4, 6]
        for record in records:
            for name in ("unexplained", "gram"):
                assert tuple(record[name]) == MATCHED
                assert record[name]["conv1_1"] > 0
                # So few positions at the deepest layers are fitted exactly: those may have none.
                assert min(record[name].values()) >= 0
            assert ("held_out_r2" in record) == (record["step"] in {4, 6})  # 6 is the last
    # Held-out R² is a function of the student alone; the means of a window that was cut are not.
    assert log(unbroken)[1]["held_out_r2"] == log(resumed)[1]["held_out_r2"]
    assert log(unbroken)[2]["gram"] == log(resumed)[2]["gram"]


def test_half_of_a_batch_is_optimized_pictures_once_there_are_some(unbroken: Run) -> None:
    kept = {one.numpy().tobytes() for one in unbroken.exploits.pictures[: len(unbroken.exploits)]}
    batch = unbroken._batch(np.random.default_rng(0))
    codes = (batch * 255).round().byte()
    assert batch.shape == (2, 3, tiny.SIZE, tiny.SIZE)
    assert codes[0].numpy().tobytes() not in kept
    assert codes[1].numpy().tobytes() in kept


def test_the_rate_rises_holds_and_falls_and_the_grams_count_more_from_the_first_exploit() -> None:
    plan = Plan(1000, 2, 32, 0.01, 0.3, 200, 20, 0.5, 0)
    assert plan.decay_from == 700
    assert [plan.factor(step) for step in (0, 24, 49, 699, 850)] == [0.02, 0.5, 1, 1, 0.5]
    assert 0 < plan.factor(999) < 0.01
    assert [plan.gram_weight(step) for step in (0, 199, 200, 700)] == [0.25, 0.25, 2, 2]


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
