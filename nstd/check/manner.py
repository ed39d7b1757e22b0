"""How systemd starts, watches and stops a unit, and whether that suits nstd."""

from collections.abc import Iterator

from nstd.check.finding import Finding, service_fault, service_note
from nstd.check.units import Unit

SHORTEST_WATCHDOG_SECONDS = 10
"""Below it a busy machine looks like a daemon that hangs."""

SHORTEST_STOP_SECONDS = 20
"""For the step in hand, and the painted frames' way to the disk."""


def manner(unit: Unit) -> Iterator[Finding]:
    """What systemd expects of the daemon, and what it does to it."""
    kind = (unit.text("Type") or "simple").lower()
    if kind in ("simple", "exec", "idle"):
        yield service_note(
            f"Type={kind}: systemd takes it for ready before its folders were looked at, and shows"
            " no state. Set Type=notify."
        )
    elif kind not in ("notify", "notify-reload"):
        yield service_fault(f"Type={kind} is not how nstd starts. Set Type=notify.")
    elif (unit.text("NotifyAccess") or "main").lower() == "none":
        yield service_fault(
            "NotifyAccess=none: systemd never hears that it is ready. Set it to main."
        )
    watchdog = unit.seconds("WatchdogSec")
    if not watchdog:
        yield service_note("Without WatchdogSec= a daemon that hangs stays so. Set WatchdogSec=60.")
    elif watchdog < SHORTEST_WATCHDOG_SECONDS:
        yield service_fault(
            f"WatchdogSec={watchdog:g} s is too short: on a busy machine it ends a daemon that is"
            " well. Set WatchdogSec=60."
        )
    stop = unit.seconds("TimeoutStopSec", "TimeoutSec")
    if stop and stop < SHORTEST_STOP_SECONDS:
        yield service_fault(
            f"TimeoutStopSec={stop:g} s: it may be killed before the step in hand is over. Set"
            " TimeoutStopSec=180."
        )
    yield from _kill_mode((unit.text("KillMode") or "control-group").lower())
    if unit.text("ExecReload") is None and kind != "notify-reload":
        yield service_note(
            "Without ExecReload= the configuration is read again only at a restart. Set"
            " ExecReload=/bin/kill -HUP $MAINPID."
        )


def _kill_mode(mode: str) -> Iterator[Finding]:
    if mode == "none":
        yield service_fault(
            "KillMode=none: what does not stop by itself goes on, holds the ledger's lock, and the"
            " next start is refused. Set KillMode=mixed."
        )
    elif mode != "mixed":
        yield service_note(
            f"KillMode={mode}: the daemon is not left to stop its own workers. Set KillMode=mixed."
        )
