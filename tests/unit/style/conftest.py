"""Fixtures of the style room: a CUDA device, or a visible reason why there is none."""

import os
from collections.abc import Iterator

import pytest
import torch

from nstd.style.device import prepare
from nstd.style.devices import choose_devices


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from threads, which on a busy machine wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def cuda() -> torch.device:
    """A prepared CUDA device; without one, a skip, or a failure where one was promised."""
    if not torch.cuda.is_available():
        if os.environ.get("NSTD_FAIL_WITHOUT_CUDA"):
            pytest.fail("NSTD_FAIL_WITHOUT_CUDA is set, and there is no CUDA device")
        pytest.skip("needs a CUDA device")
    return prepare(choose_devices(("cuda",))[0], torch.get_num_threads())
