"""Messages to the service manager: systemd's notification protocol (sd_notify(3)).

A message is a datagram of lines `KEY=VALUE` to the socket that `$NOTIFY_SOCKET` names. If no
service manager started this process, nothing is sent.
"""

import logging
import math
import os
import socket
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from nstd.errors import visible

logger = logging.getLogger(__name__)


ALIVE_PER_WATCHDOG = 4
"""How many messages are sent within the watchdog's time: one that is lost or late does no harm."""


LONGEST_SEND_SECONDS = 1.0
"""Seconds to wait with a message that is sent only once if the service manager does not read now.
Status and signs of life do not wait: they are sent again at the next look."""


class ServiceManager:
    """The service manager that started this process.

    If a message cannot be sent, that is logged once and not retried for ever: films matter more.

    Args:
        environment: Where the socket and the watchdog's time are looked for.
        clock: Seconds of a clock that runs evenly.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._next_alive = -math.inf
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        self._failed = False
        self._status = ""
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.watchdog_seconds = _watchdog_seconds(environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ready(self) -> None:
        """Tell that the start, or a reload, is complete."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows; an unchanged line is not sent again."""
        line = visible(" ".join(text.split()))
        if line != self._status and self._send(f"STATUS={line}", seconds=0):
            self._status = line

    def alive(self) -> None:
        """Reset the watchdog; to be called often, and sent only as often as needed."""
        now = self._clock()
        if self.watchdog_seconds is None or now < self._next_alive:
            return
        if self._send("WATCHDOG=1", seconds=0):
            self._next_alive = now + self.watchdog_seconds / ALIVE_PER_WATCHDOG

    def reloading(self) -> None:
        """Tell that the configuration is being read again, until `ready`."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Tell that the process is stopping."""
        self._send("STOPPING=1")

    def extend(self, seconds: float) -> None:
        """Tell that starting or stopping takes at least so many more seconds from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def close(self) -> None:
        """Close the socket; nothing is sent any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str, *, seconds: float = LONGEST_SEND_SECONDS) -> bool:
        """Send it, and give whether that worked within so many seconds."""
        if self._socket is None or self._address is None:
            return True
        try:
            self._socket.settimeout(seconds)
            self._socket.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._failed:
                logger.warning("The service manager cannot be told %r: %s", message, error)
            self._failed = True
            return False
        return True


def _address(name: str) -> str | None:
    """The socket's address: a path, or, with a leading @, a name in the abstract space."""
    if not name:
        return None
    if name[0] == "@":
        return f"\0{name[1:]}"
    if name[0] == "/":
        return name
    logger.warning("NOTIFY_SOCKET=%s is no path and no abstract name; it is left alone", name)
    return None


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """Seconds within which the service manager expects a sign of life, or None."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # the variable was meant for another process
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() and int(text) else None
