"""Style and content loss of painted frames, as in the recipe's objective."""

from dataclasses import replace

import torch

from nstd.cache import TensorCache
from nstd.config import Config
from nstd.media.frame import ImageU8
from nstd.painting.painter import build_painter
from nstd.painting.pictures import to_tensor
from nstd.painting.plan import ExecutionPlan
from nstd.scoring.judge import Mask
from nstd.scoring.places import PlacesStyle
from nstd.scoring.result import StyleScore
from nstd.style.device import device_errors, prepare
from nstd.style.devices import choose_devices
from nstd.style.optimize import Painter, level_objective
from nstd.style.recipe import StyleRecipe
from nstd.style.targets import MemoryStore
from nstd.submit.freeze import require_depth
from nstd.weights.catalog import choose_network
from nstd.work.crew import worker_threads


def make_painter(config: Config, recipe: StyleRecipe) -> Painter:
    """Make what measures the losses of `recipe`, on the first of the configured devices.

    Raises:
        DeviceError: The device is missing or does not answer.
        WeightsError: The network cannot be found or used.
        InputError: A style image cannot be read.
    """
    info = choose_devices(None if config.devices == "auto" else config.devices)[0]
    threads = worker_threads(config)
    device = prepare(info, threads)
    chosen = choose_network(recipe.network, config.cache_dir, gpu=device.type != "cpu")
    require_depth(recipe, chosen)
    named = replace(recipe, network=str(chosen.path), network_name=chosen.name)
    plan = ExecutionPlan(device=device.type, processor=info.processor, threads=threads)
    targets = MemoryStore(TensorCache(config.cache_dir / "targets"))
    return build_painter(named, plan, device, targets)


class StyleMeter:
    """Measures one film's frames, in their order.

    Args:
        painter: The recipe on its device.
        width: Of the painted frames, in pixels.
        height: Likewise.

    Raises:
        ConfigError: The frames are too small for the network.
    """

    def __init__(self, painter: Painter, width: int, height: int) -> None:
        own = replace(painter, recipe=replace(painter.recipe, size=None))
        self._painter = own
        self._level = own.levels(width, height)[-1]
        self._device = str(own.network.device)
        self._energy = 0.0
        with device_errors(self._device):
            self._new = PlacesStyle(own, self._level)

    def add(
        self,
        painted: ImageU8,
        source: ImageU8,
        revealed: Mask | None,
        *,
        begins_shot: bool,
    ) -> tuple[float, float]:
        """Style and content loss of a frame.

        Args:
            painted: uint8 `[height, width, 3]`.
            source: The source's frame, uint8 `[height, width, 3]`.
            revealed: Where it shows what the frame before did not, `[height, width]`; None if there
                is no frame before.
            begins_shot: Content losses of a shot are divided by its first frame's energy.
        """
        with device_errors(self._device), torch.no_grad():
            content, image = to_tensor(source), to_tensor(painted)
            if begins_shot:
                self._energy = self._painter.content_energies(content)[-1]
            network = self._painter.network
            contents = content.to(network.device, network.dtype)
            objective = level_objective(self._painter, self._level, contents, self._energy)
            losses = objective(image.to(network.device, network.dtype)).terms
            if revealed is not None:
                self._new.add(image, torch.from_numpy(revealed)[None])
            return float(losses["style"][0]), float(losses["content"][0])

    def result(self) -> StyleScore:
        """The summary of all frames."""
        recipe = self._painter.recipe
        name = recipe.network_name or recipe.network
        return StyleScore(name, *self._new.losses())
