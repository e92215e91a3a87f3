"""Sessions on PostgreSQL: which of the hosts they are with, and what is set in them.

What is set is the service's own choice, whatever the role, the database or the server has as its
default. It is set once the session stands, as PgBouncer takes few settings before.
"""

import asyncio
import socket
from collections.abc import Mapping

import asyncpg  # type: ignore[import-untyped]  # it comes without types

from app.core.postgres_url import Host, PostgresURL

CONNECT_TIMEOUT = 2.5
"""Seconds for opening a session, where the URL does not say."""

READ_ONLY = {"default_transaction_read_only": "on"}
_SETTINGS = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "standard_conforming_strings": "on",
    # The pools set limits of their own; migrations and copies take as long as they take.
    "lock_timeout": "0",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_SETTINGS_SINCE = {"idle_session_timeout": (14, 0), "transaction_timeout": (17, 0)}
"""Time limits that PostgreSQL has since this version; they are set to 0, too."""

_OUR_NAME = {"application_name": "lead-distribution", "TimeZone": "UTC"}
"""Told before the session stands; PgBouncer takes both."""

_NEXT_HOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)
_SOCKET_OPTIONS = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}


async def open_session(
    url: PostgresURL, settings: Mapping[str, str] | None, at_most: float | None = None
) -> asyncpg.Connection:
    """A session on the first of the URL's hosts that will do.

    Args:
        url: where.
        settings: what is set besides that which every session relies on; None sets nothing.
        at_most: seconds, where the URL's `connect_timeout` is longer. The hosts share them.

    Raises:
        OSError: no server answers, or not in time.
        asyncpg.PostgresError: a server refuses.
        asyncpg.InterfaceError: the driver cannot do what the URL says.

    """
    seconds = max(url.numbers.get("connect_timeout", 0), 0) or CONNECT_TIMEOUT
    seconds = min(seconds, at_most or seconds) / len(url.hosts)
    failure: Exception = OSError("no host is named")
    for host in url.hosts:
        try:
            async with asyncio.timeout(seconds):
                return await _open_at(host, url, settings)
        except _NEXT_HOST as error:
            failure = error
        except asyncpg.TargetServerAttributeNotMatched:
            failure = ConnectionError(f"the server is not {url.target_session_attrs}")
    raise failure


async def _open_at(
    host: Host, url: PostgresURL, settings: Mapping[str, str] | None
) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        url.dsn,
        host=host.name or None,
        port=host.port,
        target_session_attrs=url.target_session_attrs,
        server_settings={**_OUR_NAME, **url.server_settings},
        # Without settings it may be a shared session, in which nothing is to be left prepared.
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
    # As one text: it takes one round trip, and prepares nothing.
    await connection.execute("".join(f"SET {name} = '{chosen[name]}';" for name in chosen))


def _keep_alive(connection: asyncpg.Connection, numbers: Mapping[str, int]) -> None:
    """Set on the socket what the URL says of it, as far as this system has it."""
    transport = connection._transport  # noqa: SLF001  # asyncpg shows its socket nowhere else
    ours = transport.get_extra_info("socket")
    if ours.family == getattr(socket, "AF_UNIX", None) or numbers.get("keepalives") == 0:
        return
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, option in _SOCKET_OPTIONS.items():
        if numbers.get(name, 0) > 0 and hasattr(socket, option):
            ours.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), numbers[name])
