"""RAFT sets torch's thread count, which other tests must not inherit."""

from tests.threads import one_thread

__all__ = ["one_thread"]
