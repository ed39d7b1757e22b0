"""Optical flow: how every place of a frame moved since an earlier one.

`Dis` (OpenCV, on the CPU) is the default, `Raft` (torchvision) the accurate one where its weights
are at hand, and a package of the user's own may bring another by the entry point group `nstd.flow`.
`with_flows` computes flows ahead of whoever takes the frames.
"""

from nstd.flow.ahead import Ahead, Flowed, Pictured, with_flows
from nstd.flow.checked import Checked
from nstd.flow.choose import choose_estimator, estimator_names
from nstd.flow.dis import Dis
from nstd.flow.estimator import Estimator, Flow, ImageU8

__all__ = [
    "Ahead",
    "Checked",
    "Dis",
    "Estimator",
    "Flow",
    "Flowed",
    "ImageU8",
    "Pictured",
    "choose_estimator",
    "estimator_names",
    "with_flows",
]
