"""Fixtures of the training's tests: one thread, and a run small enough for seconds."""

from pathlib import Path

import pytest

from tests.threads import one_thread
from tests.unit.training import tiny

__all__ = ["inputs", "one_thread"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `tiny.arguments` names: a teacher, photographs and paintings."""
    return tiny.write_inputs(tmp_path_factory.mktemp("inputs"))
