"""What works here, what does not, and what to do about it."""

from nstd.check.finding import Finding
from nstd.check.machine import LOW_DISK_BYTES, check, require_folders, warn_in_background
from nstd.check.service import check_service

__all__ = [
    "LOW_DISK_BYTES",
    "Finding",
    "check",
    "check_service",
    "require_folders",
    "warn_in_background",
]
