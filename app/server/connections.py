"""How many connections a server may have, and which of them go when there are too many."""

import logging
from time import monotonic
from typing import Protocol

_WARN_INTERVAL = 60
"""Seconds between two warnings."""
_MOST_LEAVING = 50
"""Refused connections that are still open so that the client can read why."""

_log = logging.getLogger(__name__)


class Connection(Protocol):
    """What can be asked of one that is to go."""

    def leave(self) -> None:
        """Close it, as nothing is owed to the client."""

    def abort(self) -> None:
        """Close it at once."""


class Connections:
    """The open connections of a server, `most` at a time.

    When there are as many, the one that has been idle the longest is closed for a new one, as nginx
    does: its client has all it asked for. Only when every one of them is at work, the new one is
    refused.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Connection] = set()
        self._leaving: dict[Connection, None] = {}
        self._warned_at = -float(_WARN_INTERVAL)
        self.idle: dict[Connection, None] = {}
        """Those without a request, the longest idle first."""

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for a connection, or it could be made."""
        if len(self._open) >= self._most:
            self._warn("the bound of %d connections is met", self._most)
            if not self.close_idle():
                self._let_go(connection)
                return False
        self._open.add(connection)
        self.idle[connection] = None
        return True

    def close_idle(self) -> bool:
        """Close the connection that has been idle the longest; False if none is idle."""
        for connection in self.idle:
            self.forget(connection)
            connection.leave()
            return True
        return False

    def forget(self, connection: Connection) -> None:
        """It is closed, or about to be."""
        self._open.discard(connection)
        self._leaving.pop(connection, None)
        self.idle.pop(connection, None)

    def out_of_descriptors(self) -> None:
        """A connection could not be accepted: something else holds what was kept for it."""
        self._warn("no descriptor is left for a connection; %d are open", len(self._open))

    def _let_go(self, connection: Connection) -> None:
        if len(self._leaving) >= _MOST_LEAVING:
            earliest = next(iter(self._leaving))
            del self._leaving[earliest]
            earliest.abort()
        self._leaving[connection] = None

    def _warn(self, message: str, number: int) -> None:
        now = monotonic()
        if now - self._warned_at >= _WARN_INTERVAL:
            self._warned_at = now
            _log.warning(f"{message}: idle ones are closed, new ones get a 503", number)
