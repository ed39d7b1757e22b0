"""The demonstration: the film that ships, painted and shown beside its source."""

from nstd.demo.run import FRAME_RATE, FRAMES, Demo, make_demo

__all__ = ["FRAMES", "FRAME_RATE", "Demo", "make_demo"]
