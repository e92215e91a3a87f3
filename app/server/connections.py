"""Limits the open connections of a server, and picks those to close at the limit."""

import logging
from time import monotonic
from typing import Protocol

_WARN_INTERVAL = 60
"""Seconds between two warnings."""
_MAX_REFUSED = 50
"""Refused connections that may stay open for the client to read the response."""

_log = logging.getLogger(__name__)


class Connection(Protocol):
    """A connection that the server can close."""

    def leave(self) -> None:
        """Close the connection; no response is pending."""

    def abort(self) -> None:
        """Close the connection immediately."""


class Connections:
    """The open connections of a server, at most `limit` at a time.

    At the limit, the connection that has been idle the longest is closed for a new one, as nginx
    does: its client has all its responses. If no connection is idle, the new one is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Connection] = set()
        self._refused: dict[Connection, None] = {}
        self._warned_at = -float(_WARN_INTERVAL)
        self.idle: dict[Connection, None] = {}
        """Connections without a request, the longest idle first."""

    def admit(self, connection: Connection) -> bool:
        """Register a connection; return False if the limit is reached and none is idle."""
        if len(self._open) >= self._limit:
            self._warn("the limit of %d connections is reached", self._limit)
            if not self.close_idle():
                self._add_refused(connection)
                return False
        self._open.add(connection)
        self.idle[connection] = None
        return True

    def close_idle(self) -> bool:
        """Close the connection that has been idle the longest; return False if none is idle."""
        for connection in self.idle:
            self.forget(connection)
            connection.leave()
            return True
        return False

    def forget(self, connection: Connection) -> None:
        """Remove a connection that is closed or about to be."""
        self._open.discard(connection)
        self._refused.pop(connection, None)
        self.idle.pop(connection, None)

    def out_of_descriptors(self) -> None:
        """Log that a connection could not be accepted for lack of a file descriptor."""
        self._warn(
            "the process has no file descriptor left for a new connection; %d connections are open",
            len(self._open),
        )

    def _add_refused(self, connection: Connection) -> None:
        if len(self._refused) >= _MAX_REFUSED:
            earliest = next(iter(self._refused))
            del self._refused[earliest]
            earliest.abort()
        self._refused[connection] = None

    def _warn(self, message: str, number: int) -> None:
        now = monotonic()
        if now - self._warned_at >= _WARN_INTERVAL:
            self._warned_at = now
            _log.warning(f"{message}: the service closes idle connections or answers 503", number)
