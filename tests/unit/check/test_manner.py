"""How a unit is started, watched and stopped."""

from pathlib import Path

import pytest

from nstd.check.manner import manner
from nstd.check.units import Unit, UnitName, find_unit

GOOD = {
    "Type": "notify",
    "WatchdogSec": "60",
    "TimeoutStopSec": "180",
    "KillMode": "mixed",
    "ExecReload": "/bin/kill -HUP $MAINPID",
}
SHIPPED = Path(__file__).resolve().parents[3] / "systemd/nstd.service"


def unit(settings: dict[str, str]) -> Unit:
    lines = tuple(("Service", key, value) for key, value in settings.items())
    return Unit(UnitName("u"), (Path("u.service"),), lines)


def test_of_the_shipped_unit_nothing_is_to_be_said() -> None:
    assert list(manner(find_unit(str(SHIPPED)))) == []


@pytest.mark.parametrize(
    ("key", "value", "verdict"),
    [
        ("Type", "simple", "note"),
        ("Type", "", "note"),
        ("Type", "forking", "fault"),
        ("Type", "oneshot", "fault"),
        ("NotifyAccess", "none", "fault"),
        ("WatchdogSec", "", "note"),
        ("WatchdogSec", "9s", "fault"),
        ("TimeoutStopSec", "19", "fault"),
        ("KillMode", "none", "fault"),
        ("KillMode", "", "note"),
        ("KillMode", "process", "note"),
        ("ExecReload", "", "note"),
    ],
)
def test_what_does_not_suit_nstd_is_named_with_what_to_set(
    key: str, value: str, verdict: str
) -> None:
    (found,) = manner(unit(GOOD | {key: value}))
    assert found.verdict == verdict
    assert f"{key}=" in found.text
    assert "Set " in found.text
    assert found.text.endswith(".")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify-reload"),
        ("WatchdogSec", "10"),
        ("TimeoutStopSec", "20"),
        ("TimeoutStopSec", "infinity"),
        ("TimeoutStopSec", ""),
    ],
)
def test_what_suits_it_is_left_alone(key: str, value: str) -> None:
    assert list(manner(unit(GOOD | {key: value}))) == []
