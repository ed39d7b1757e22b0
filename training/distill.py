"""Train the pocket network: python -m training.distill --help."""

import argparse
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nstd.files import part_path, removed_on_failure, replace
from nstd.style.network import Network
from nstd.weights.canonical import load_weights
from training.evaluate import explained
from training.exploit import Exploits
from training.losses import Statistics, distillation_loss, teacher_statistics
from training.optimizers import BodyOptimizer, ReadoutSolver
from training.pictures import Augmenter, load_photographs, load_pictures
from training.student import MATCHED, Student
from training.teacher import Teacher

WARM_UP = 50
"""Steps in which the rate rises to the full one."""

LOG_EVERY = 50
"""Steps of which one line of the log holds the means."""

SAVE_EVERY = 500
"""Steps between two checkpoints, and between two looks at the held-out photographs."""


@dataclass(frozen=True)
class Plan:
    """What a run does. The same plan from the same checkpoint gives the same network.

    Attributes: see the options of `main`.
    """

    steps: int
    batch: int
    size: int
    rate: float
    decay: float
    exploit_from: int
    exploit_every: int
    exploit_share: float
    seed: int

    @property
    def decay_from(self) -> int:
        """The step from which on the rate falls, linearly, to nothing at the end."""
        return round(self.steps * (1 - self.decay))

    def factor(self, step: int) -> float:
        """The rate at `step`, as a share of the full one."""
        left = (self.steps - step) / max(1, self.steps - self.decay_from)
        return min(1.0, (step + 1) / WARM_UP, left)

    def gram_weight(self, step: int) -> float:
        """Of the Grams' errors: more once pictures are optimized, since that is what they exploit.

        At 10 (tried from step 3,780 on) Grams and activations both got worse: the noise of a few
        pictures with little in them took over.
        """
        return 0.25 if step < self.exploit_from else 2.0


class Run:
    """A training run: its networks, its pictures, its log."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.plan = Plan(**{name: getattr(arguments, name) for name in Plan.__dataclass_fields__})
        self.folder: Path = arguments.out
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = torch.device(arguments.device)
        network = Network(load_weights(arguments.teacher).tensors, deepest=MATCHED[-1])
        self.teacher = Teacher(network.to(self.device, torch.float32))
        photographs, self.held_out = load_photographs(arguments.photographs)
        paintings = load_pictures(arguments.paintings)
        self.augmenter = Augmenter(photographs, paintings, self.plan.size)
        self.student = Student(self.teacher.outputs, self.plan.seed).to(self.device)
        self.optimizer = BodyOptimizer(self.student, self.plan.rate)
        self.solver = ReadoutSolver()
        self.exploits = Exploits(
            1024, self.plan.size, self.augmenter.plain, self.augmenter.styles, self.plan.seed
        )
        self.statistics = self._teacher_statistics()
        self.step = 0
        self.stop = False

    def train(self) -> None:
        """Steps until the plan is done or the process is asked to stop."""
        sums: list[dict[str, tuple[float, float]]] = []
        begun, since = time.monotonic(), self.step
        while self.step < self.plan.steps and not self.stop:
            sums.append(self._one_step())
            self.step += 1
            if self.step % LOG_EVERY == 0:
                pace = (time.monotonic() - begun) / (self.step - since)
                self._log(sums, pace)
                sums = []
            if self.step % SAVE_EVERY == 0:
                self.save()
        self.save()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "step": self.step,
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state(),
            "moments": (self.solver.moments, self.solver.taken),
            "exploits": (self.exploits.pictures, self.exploits.made),
        }
        path = self.folder / "checkpoint.pt"
        with removed_on_failure(part_path(path)) as part:
            torch.save(state, part)
            replace(part, path)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one.

        Pictures are drawn from the seed and the step, so nothing else need be kept.
        """
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        kept = torch.load(path, map_location=self.device, weights_only=True)
        self.step = kept["step"]
        with torch.no_grad():  # in place: the optimizer shares the kernels' memory
            for name, tensor in self.student.state_dict().items():
                tensor.copy_(kept["student"][name])
        self.optimizer.restore(kept["optimizer"])
        self.solver.moments, self.solver.taken = kept["moments"]
        self.exploits.pictures, self.exploits.made = kept["exploits"]
        self.exploits.pictures = self.exploits.pictures.cpu()

    def _one_step(self) -> dict[str, tuple[float, float]]:
        plan, step = self.plan, self.step
        if step >= plan.exploit_from and step % plan.exploit_every == 0:
            network = Network(self.student.weights(), deepest=MATCHED[-1])
            self.exploits.refresh(network.to(self.device, torch.float32), step)
        images = self._batch(np.random.default_rng([plan.seed, 0, step])).to(self.device)
        targets = self.teacher.activations(images)
        features = self.student.activations(images)
        self.solver.solve(self.student, features, targets, plan.factor(step))
        predictions = self.student.read_out(features)
        loss, parts = distillation_loss(
            predictions, targets, self.statistics, plan.gram_weight(step)
        )
        self.student.zero_grad()
        torch.autograd.backward(loss)  # Tensor.backward has no types
        self.optimizer.step(plan.factor(step))
        return parts

    def _batch(self, generator: np.random.Generator) -> Tensor:
        optimized = round(self.plan.batch * self.plan.exploit_share) if len(self.exploits) else 0
        drawn = self.augmenter.batch(self.plan.batch - optimized, generator)
        if not optimized:
            return drawn
        return torch.cat([drawn, self.exploits.sample(optimized, generator)])

    def _teacher_statistics(self) -> Statistics:
        generator = np.random.default_rng([self.plan.seed, 2])
        batches = [self.augmenter.plain(16, generator).to(self.device) for _ in range(8)]
        return teacher_statistics([self.teacher.activations(batch) for batch in batches])

    def _log(self, sums: list[dict[str, tuple[float, float]]], pace: float) -> None:
        """Append the means of the latest steps to the log, and print them."""
        missed, gram = (
            {layer: round(float(np.mean([s[layer][number] for s in sums])), 5) for layer in MATCHED}
            for number in (0, 1)
        )
        record: dict[str, object] = {"step": self.step, "seconds_a_step": round(pace, 3)}
        record |= {"unexplained": missed, "gram": gram}
        kind, r2 = "training", {layer: 1 - value for layer, value in missed.items()}
        if self.step % SAVE_EVERY == 0 or self.step == self.plan.steps:
            kind, r2 = "held out", explained(self.student, self.teacher, self.held_out, self.device)
            record["held_out_r2"] = {layer: round(value, 4) for layer, value in r2.items()}
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        left = (self.plan.steps - self.step) * pace / 60
        print(
            f"{self.step}/{self.plan.steps}  {pace:.2f} s a step, {left:.0f} min left  {kind} "
            + " ".join(f"{value:.3f}" for value in r2.values())
            + "  Gram "
            + " ".join(f"{value:.4f}" for value in gram.values()),
            flush=True,
        )


def main() -> None:
    """Train from the command line's plan; goes on where a run in the same folder stopped."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        argument_default=argparse.SUPPRESS,  # what is required has no default to show
    )
    add = parser.add_argument
    add("--teacher", type=Path, required=True, help="weights file of any network nstd can load")
    add("--photographs", type=Path, required=True, help="folder of photographs")
    add("--paintings", type=Path, required=True, help="folder of style images; may be empty")
    add("--out", type=Path, required=True, help="folder of checkpoint and log")
    add("--steps", type=int, default=6000, help="batches to train on")
    add("--batch", type=int, default=10, help="crops in a batch")
    add("--size", type=int, default=128, help="edge of a crop, in pixels")
    add("--rate", type=float, default=0.01, help="change of a kernel in a step, as a share of it")
    add("--decay", type=float, default=0.3, help="share of the steps in which the rate falls")
    add("--exploit-from", type=int, default=1000, help="first step with optimized pictures")
    add("--exploit-every", type=int, default=20, help="steps between two rounds of optimizing")
    add("--exploit-share", type=float, default=0.5, help="optimized pictures in a batch")
    add("--seed", type=int, default=0, help="of the initialization and of every choice of pictures")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    add("--device", default=device, help="where to compute: cpu, cuda, cuda:1, …")
    run = Run(parser.parse_args())
    run.resume()

    def stop(*_: object) -> None:
        run.stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    run.train()


if __name__ == "__main__":
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    main()
