"""Fixtures of the style room: a CUDA device, or a visible reason why there is none."""

import os

import pytest
import torch

from nstd.style.device import prepare
from nstd.style.devices import choose_devices
from tests.threads import one_thread

__all__ = ["cuda", "one_thread"]


@pytest.fixture
def cuda() -> torch.device:
    """A prepared CUDA device; without one, a skip, or a failure where one was promised."""
    if not torch.cuda.is_available():
        if os.environ.get("NSTD_FAIL_WITHOUT_CUDA"):
            pytest.fail("NSTD_FAIL_WITHOUT_CUDA is set, and there is no CUDA device")
        pytest.skip("needs a CUDA device")
    return prepare(choose_devices(("cuda",))[0], torch.get_num_threads())
