"""Any estimator, its flow checked, and fused with dominant motions."""

import numpy as np
import torch

from nstd.errors import ConfigError
from nstd.flow.estimator import Estimator, Flow, ImageU8
from nstd.flow.fusion import fuse


class Checked:
    """An estimator whose flow is checked, and fused with dominant motions, before it is used.

    The flow between identical pictures is zero, without asking the estimator.

    Args:
        estimator: Whose flow it is.
        name: What messages call it.
        device: Where flows are fused.
    """

    def __init__(self, estimator: Estimator, name: str, device: torch.device | str = "cpu") -> None:
        self._estimator = estimator
        self._device = device
        self.name = name

    def estimate(self, earlier: ImageU8, later: ImageU8) -> tuple[Flow, Flow]:
        """Backward and forward flow.

        Raises:
            ConfigError: The estimator gave something else.
        """
        shape = (1, 2, *later.shape[:2])
        if np.array_equal(earlier, later):
            return torch.zeros(shape), torch.zeros(shape)
        backward, forward = self._pair(self._estimator.estimate(earlier, later))
        for flow in (backward, forward):
            self._require(tuple(flow.shape) == shape, f"of {[*flow.shape]}, not of {[*shape]}")
            self._require(flow.dtype == torch.float32, f"of {flow.dtype}, not of float32")
            self._require(flow.device.type == "cpu", f"on {flow.device}, not on the CPU")
            self._require(bool(flow.isfinite().all()), "that is not finite")
        return fuse(earlier, later, (backward, forward), self._device)

    def _pair(self, found: object) -> tuple[Flow, Flow]:
        """Both flows, without what torch would need for their gradients."""
        pair = found if isinstance(found, tuple | list) else ()
        self._require(len(pair) == 2, "that is no pair of tensors")
        for flow in pair:
            kind = type(flow).__name__
            self._require(isinstance(flow, torch.Tensor), f"that is a {kind}, not a torch.Tensor")
            self._require(flow.layout == torch.strided, f"of layout {flow.layout}, not strided")
        return pair[0].detach(), pair[1].detach()

    def _require(self, condition: bool, found: str) -> None:  # noqa: FBT001 - reads as an assertion
        if not condition:
            raise ConfigError(
                f"The flow estimator {self.name} gave a flow {found}",
                "Name another one in the recipe (temporal: estimator), or mend it",
            )
