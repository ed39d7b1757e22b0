"""Fixtures and guards every test has."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real films, styles and networks, where there is one.

    It is no part of the repository. `NSTD_SHARED` names it; without that, a folder `shared` beside
    the checkout is used.
    """
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("NSTD_SHARED", beside))
    if not (folder / "media").is_dir():
        pytest.skip("needs the folder of real films and networks (set NSTD_SHARED)")
    return folder


@pytest.fixture(autouse=True)
def _no_error_logs(
    caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> Iterator[None]:
    """No test logs an error in passing; one that means to carries the mark `logs_errors`."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    errors = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelname in {"ERROR", "CRITICAL"}
    ]
    assert not errors
