"""The connection that writes to SQLite."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.errors import DatabaseUnavailable
from app.db.session import WriteSession
from app.db.sqlite_driver import InThreadConnection, end_here
from app.db.uninterrupted import uninterrupted

TURN_TIMEOUT = 2.0
"""Seconds that a transaction waits for its turn, before SQLite's own lock timeout begins."""


class _InThreadSession(WriteSession):
    """A session whose statements may run on SQLite's connection itself, in one transaction."""

    async def commit(self) -> None:
        await super().commit()
        await end_here(InThreadConnection.commit)

    async def rollback(self) -> None:
        await super().rollback()
        await end_here(InThreadConnection.rollback)


class Writer:
    """The only connection that writes. Transactions get it in order of arrival.

    It stays open between transactions: checking it out of a pool and resetting it took longer than
    SQLite takes to write an inquiry.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # First come, first served.
        self._lock = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self.driver: Any = None
        """The driver's connection. Within a turn, it is open."""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[WriteSession]:
        """A session on the connection; what it has not committed is rolled back.

        Raises:
            DatabaseUnavailable: the connection was not free in time.

        """
        async with self.turn() as connection:
            session = _InThreadSession(connection)
            try:
                yield session
            finally:
                if session.in_transaction():
                    await uninterrupted(session.close())

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[AsyncConnection]:
        """Hold the connection, without a transaction, until the block ends.

        Raises:
            DatabaseUnavailable: it was not free in time.

        """
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                await self._lock.acquire()
        except TimeoutError:
            raise DatabaseUnavailable from None
        try:
            connection = await self._open()
            try:
                yield connection
            finally:
                if not connection.invalidated and self._is_in_transaction(connection):
                    await uninterrupted(self._roll_back(connection))
        finally:
            self._lock.release()

    async def close(self) -> None:
        """Close the connection, which no transaction uses."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def _open(self) -> AsyncConnection:
        """The kept connection; SQLAlchemy invalidates one whose statement was cancelled."""
        if self._connection is not None and self._connection.invalidated:
            await self.close()
        if self._connection is None:
            connection = await self._engine.connect()
            self.driver = (await connection.get_raw_connection()).driver_connection
            self._connection = connection
        return self._connection

    async def _roll_back(self, connection: AsyncConnection) -> None:
        """Roll back; if that fails, the next turn opens another connection."""
        with suppress(sqlite3.Error, DBAPIError):
            await connection.rollback()
            # After a COMMIT that failed, SQLAlchemy assumes that the transaction has ended.
            await self.driver.rollback()
        if self._is_in_transaction(connection):
            await connection.invalidate()

    def _is_in_transaction(self, connection: AsyncConnection) -> bool:
        return connection.in_transaction() or bool(self.driver.in_transaction)
