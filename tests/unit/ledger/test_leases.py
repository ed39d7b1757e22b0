"""Whether the process that holds a job lives, and when its lease no longer counts."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from nstd.ledger.leases import Presence, lease_is_lost, presence, this_process


def test_this_process_is_alive() -> None:
    me = this_process()
    assert me.pid == os.getpid()
    assert presence(me, me) is Presence.ALIVE


def test_a_process_that_ended_is_gone() -> None:
    me = this_process()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(timeout=30)
    assert presence(replace(me, pid=child.pid), me) is Presence.GONE


def test_a_zombie_is_gone() -> None:
    me = this_process()
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        # Waits for the end without reaping.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert presence(replace(me, pid=child.pid), me) is Presence.GONE


def test_another_process_under_the_same_number_is_not_the_holder() -> None:
    me = this_process()
    assert presence(replace(me, started=me.started - 1), me) is Presence.GONE


def test_of_another_boot_or_container_nothing_is_known() -> None:
    me = this_process()
    assert presence(replace(me, boot="another pid:[1]"), me) is Presence.UNKNOWN


@pytest.mark.parametrize(
    ("now", "seen", "lost"),
    [
        (100.0, Presence.ALIVE, False),
        (129.9, Presence.UNKNOWN, False),
        (130.0, Presence.ALIVE, True),  # it ran out: even a living worker may hang
        (100.0, Presence.GONE, True),
        (99.0, Presence.UNKNOWN, True),  # granted in the future: the clock was set back
        (99.0, Presence.ALIVE, False),  # but that worker is seen to live
    ],
)
def test_when_a_lease_is_lost(now: float, seen: Presence, lost: bool) -> None:
    # Granted at 100 for 30 s.
    assert lease_is_lost(now, 130.0, 30.0, seen) is lost
