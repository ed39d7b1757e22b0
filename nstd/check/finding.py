"""The findings of a check."""

from dataclasses import dataclass
from typing import Literal

from nstd.errors import NstdError

Verdict = Literal["ok", "note", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing.

    Attributes:
        subject: What it is about.
        verdict: "ok"; "note" where something is missing that not everybody needs; or "fault".
        text: What was found, and for anything but "ok" what to do.
        exit_code: What `nstd check` ends with if this is the first fault.
    """

    subject: str
    verdict: Verdict
    text: str
    exit_code: int = 1


def fault_of(subject: str, error: NstdError) -> Finding:
    """An error that was met while checking, as a finding."""
    return Finding(subject, "fault", str(error), error.exit_code)


def service_fault(text: str, exit_code: int = 1) -> Finding:
    """Something that keeps a service from its work."""
    return Finding("service", "fault", text, exit_code)


def service_note(text: str) -> Finding:
    """Something to know of a service, though nothing is wrong."""
    return Finding("service", "note", text)
