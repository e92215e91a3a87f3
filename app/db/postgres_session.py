"""Sessions on PostgreSQL: their host and their settings.

The service sets every setting that it relies on, so the defaults of the role, the database and the
server do not matter. It does so after the session is open, as PgBouncer accepts few settings
before.
"""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it comes without types

from app.core.postgres_url import Host, PostgresURL

CONNECT_TIMEOUT = 2.5
"""Seconds to open a session, unless the URL has a `connect_timeout`."""

READ_ONLY = {"default_transaction_read_only": "on"}
_SETTINGS = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "standard_conforming_strings": "on",
    # The pools set timeouts of their own; migrations and copies have none.
    "lock_timeout": "0",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_SETTINGS_SINCE = {"idle_session_timeout": (14, 0), "transaction_timeout": (17, 0)}
"""Timeouts, and the version of PostgreSQL that introduced them; they are set to 0, too."""

_STARTUP_SETTINGS = {"application_name": "lead-distribution", "TimeZone": "UTC"}
"""Sent while the session opens; PgBouncer accepts both."""

_NEXT_HOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)
_SOCKET_OPTIONS = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}


class Session(asyncpg.Connection):  # type: ignore[misc]  # asyncpg comes without types
    """A session that prepares statements by name, and whose transactions SQLAlchemy can join."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepared: set[str] = set()

    async def prepare_once(self, statements: Mapping[str, str]) -> None:
        """Prepare statements by name, unless the session has done so."""
        for name in statements.keys() - self._prepared:
            await self.execute(f"PREPARE {name} AS {statements[name]}")
            self._prepared.add(name)

    def transaction(self, **options: Any) -> Any:
        """A transaction, for SQLAlchemy's adapter; within one, it is the same."""
        return _Joined() if self.is_in_transaction() else super().transaction(**options)


class _Joined:
    """A transaction that others begin and end."""

    async def start(self) -> None:
        pass

    commit = rollback = start


async def open_session(
    url: PostgresURL, settings: Mapping[str, str] | None, at_most: float | None = None
) -> asyncpg.Connection:
    """A session on the first suitable host of the URL.

    Args:
        url: the database.
        settings: set in addition to those of every session; None sets nothing at all.
        at_most: maximum seconds to connect, even if the URL's `connect_timeout` is longer; divided
            equally among the hosts.

    Raises:
        OSError: no server answers in time.
        asyncpg.PostgresError: a server refuses the session.
        asyncpg.InterfaceError: the driver does not support what the URL requires.

    """
    seconds = max(url.numbers.get("connect_timeout", 0), 0) or CONNECT_TIMEOUT
    seconds = min(seconds, at_most or seconds) / len(url.hosts)
    failure: Exception = OSError("the URL has no host")
    for host in url.hosts:
        try:
            async with asyncio.timeout(seconds):
                return await _open_at(host, url, settings)
        except _NEXT_HOST as error:
            failure = error
        except asyncpg.TargetServerAttributeNotMatched:
            failure = ConnectionError(
                f"the server does not match target_session_attrs={url.target_session_attrs}"
            )
    raise failure


async def _open_at(
    host: Host, url: PostgresURL, settings: Mapping[str, str] | None
) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        url.dsn,
        host=host.name or None,
        port=host.port,
        target_session_attrs=url.target_session_attrs,
        connection_class=Session,
        server_settings={**_STARTUP_SETTINGS, **url.server_settings},
        # Without settings, a pooler may share the session: it must keep no prepared statements.
        statement_cache_size=0 if settings is None else 100,
    )
    try:
        _keep_alive(connection, url.numbers)
        if settings is not None:
            await _set(connection, settings)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _set(connection: asyncpg.Connection, settings: Mapping[str, str]) -> None:
    version = connection.get_server_version()[:2]
    newer = {name: "0" for name, since in _SETTINGS_SINCE.items() if version >= since}
    chosen = {**_SETTINGS, **newer, **settings}
    # As one text: it takes one round trip, and prepares no statement.
    await connection.execute("".join(f"SET {name} = '{chosen[name]}';" for name in chosen))


def _keep_alive(connection: asyncpg.Connection, numbers: Mapping[str, int]) -> None:
    """Set the socket options of the URL that this system supports."""
    transport = connection._transport  # noqa: SLF001  # asyncpg exposes its socket nowhere else
    sock = transport.get_extra_info("socket")
    if sock.family == getattr(socket, "AF_UNIX", None) or numbers.get("keepalives") == 0:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, option in _SOCKET_OPTIONS.items():
        if numbers.get(name, 0) > 0 and hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), numbers[name])
