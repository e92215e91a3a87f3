"""Checks a PostgreSQL database before the service uses it."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it comes without types

from app.core.errors import StartupError
from app.core.postgres_url import PostgresURL
from app.db.backend import reason
from app.db.postgres_session import open_session

_log = logging.getLogger(__name__)

_ATTEMPTS = 5
"""Attempts to find a transaction in a session other than its own."""
_ANSWER_TIMEOUT = 5
"""Seconds for the few short statements here."""
_CLOSE_TIMEOUT = 2
_ABOUT = (
    "SELECT pg_backend_pid() AS process, pg_is_in_recovery() AS is_standby,"
    " current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,"
    " current_setting('full_page_writes') AS full_page_writes,"
    " current_setting('synchronous_commit') AS synchronous_commit"
)
_RISKS = {
    "fsync": "a crash of the machine may corrupt the database",
    "full_page_writes": "a crash of the machine may corrupt the database",
    "synchronous_commit": "a crash may lose requests answered with 201",
}


async def inspect(url: PostgresURL, *, writes: bool) -> None:
    """Check that a database can be used, either for writing or only for reading.

    Raises:
        StartupError: it cannot be reached, or a pooler shares its sessions; for writing also: it
            is a standby, or its encoding cannot store every text.

    """
    with _in_one_line(url):
        session = await open_session(url, None)
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                about = await _about(session)
            # A pooler gives its clients process ids of its own.
            if about["process"] != session.get_server_pid():
                await _require_session_pooling(session, url)
        finally:
            await session.close(timeout=_CLOSE_TIMEOUT)
    if writes:
        _require_writable(about, url)
        _warn_of_risks(about)


async def _about(session: asyncpg.Connection) -> Mapping[str, Any]:
    # In a transaction, which every pooler keeps in one session.
    async with session.transaction():
        about: Mapping[str, Any] = await session.fetchrow(_ABOUT)
    return about


async def _require_session_pooling(session: asyncpg.Connection, url: PostgresURL) -> None:
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            is_shared = await _is_shared(session, url)
    except TimeoutError:
        raise StartupError(
            f"The pooler of {url.database} has no second session available: raise default_pool_size"
            " in PgBouncer to 10 for each process."
        ) from None
    if is_shared:
        raise StartupError(
            f"The pooler of {url.database} pools by transaction; the service needs session pooling:"
            " set pool_mode = session in PgBouncer."
        )


async def _is_shared(session: asyncpg.Connection, url: PostgresURL) -> bool:
    """Whether a pooler runs each transaction in any free session of the server.

    If so, a transaction of a second client is found in the session that the first client has just
    used, or makes the first client change its session. Other clients may disturb one attempt, but
    are unlikely to disturb all of them.
    """
    other = await open_session(url, None)
    try:
        for _ in range(_ATTEMPTS):
            before = (await _about(session))["process"]
            async with other.transaction():
                used = await other.fetchval("SELECT pg_backend_pid()")
                if used == before or (await _about(session))["process"] != before:
                    return True
        return False
    finally:
        await other.close(timeout=_CLOSE_TIMEOUT)


def _require_writable(about: Mapping[str, Any], url: PostgresURL) -> None:
    if about["is_standby"]:
        raise StartupError(
            f"The server of {url.database} is a standby, which is read-only; use the URL of"
            " its primary, or list all hosts: postgresql://host1,host2/name."
        )
    if about["encoding"] != "UTF8":
        raise StartupError(
            f"The database {url.database} is encoded in {about['encoding']}, which cannot store"
            " every text; create another one with CREATE DATABASE name ENCODING 'UTF8'"
            " TEMPLATE template0, and copy the data there."
        )


def _warn_of_risks(about: Mapping[str, Any]) -> None:
    """Log each setting of the server with which an acknowledged write can be lost."""
    for name, risk in _RISKS.items():
        # `local` waits for this server's disk, as the service promises.
        if about[name] == "off":
            _log.warning("PostgreSQL: %s is off: %s.", name, risk)


@contextmanager
def _in_one_line(url: PostgresURL) -> Iterator[None]:
    try:
        yield
    # An invalid host name raises ValueError.
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise StartupError(
            f"The database {url.database} cannot be opened: {reason(error)}."
        ) from error
