"""Fixtures of the training's tests: one thread, and a run small enough for seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.unit.training import tiny


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from threads, which on a busy machine wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `tiny.arguments` names: a teacher, photographs and paintings."""
    return tiny.write_inputs(tmp_path_factory.mktemp("inputs"))
