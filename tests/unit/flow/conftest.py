"""Fixtures of the flow room: RAFT sets torch's thread count, which other tests must not inherit."""

from tests.unit.style.conftest import cuda, one_thread

__all__ = ["cuda", "one_thread"]
