"""The socket between a worker and its supervisor: each packet is one message in JSON."""

import json
import logging
import socket
from typing import Any

logger = logging.getLogger(__name__)

LONGEST_MESSAGE = 65536


class Channel:
    """One end of the socket between a worker and its supervisor."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._socket.set_inheritable(False)

    def say(self, **message: Any) -> None:
        """Send a message, or drop it if the other end does not take it now.

        A worker must not wait for a supervisor that is suspended or gone.
        """
        try:
            self._socket.send(json.dumps(message).encode(), socket.MSG_DONTWAIT)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError) as error:
            logger.debug("A word was not heard: %s", error)

    def receive(self) -> dict[str, Any] | None:
        """Wait for the next message; None if the other end is gone."""
        try:
            packet = self._socket.recv(LONGEST_MESSAGE)
        except ConnectionResetError:
            return None
        return _message(packet) if packet else None

    def pending(self) -> list[dict[str, Any]]:
        """The messages that have come, without waiting."""
        found = []
        try:
            while packet := self._socket.recv(LONGEST_MESSAGE, socket.MSG_DONTWAIT):
                found.append(_message(packet))
        except (BlockingIOError, ConnectionResetError):
            return found
        return found

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


def _message(packet: bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(packet)
    return message
