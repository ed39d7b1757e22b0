"""The demonstration: a film drawn here, painted, and shown beside its source."""

from nstd.demo.run import Demo, make_demo
from nstd.demo.scene import FRAME_RATE

__all__ = ["FRAME_RATE", "Demo", "make_demo"]
