"""Transactions on PostgreSQL whose statements can run on asyncpg itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import asyncpg  # type: ignore[import-untyped]  # it comes without types
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session as SyncSession

from app.core.errors import RolledBack
from app.db.postgres_session import Session
from app.db.session import WriteSession


class DriverSession(WriteSession):
    """A session that can run SQL on the driver, in one transaction with its other statements.

    SQLAlchemy takes longer to run a short statement than a round trip to the server.
    """

    _driver: Session | None = None
    """The driver's session while it is in a transaction that this one began."""

    async def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """Run a statement with its values in order, and return its rows."""
        driver = await self._connected()
        if not driver.is_in_transaction():
            await self._begin(driver, "BEGIN")
        rows: Sequence[Any] = await self._call(driver, driver.fetch, sql, *values)
        return rows

    async def begin_with(self, statements: Mapping[str, str], argument: str) -> None:
        """Begin the transaction with these statements, in one round trip.

        Args:
            statements: by name; each takes one array of integers, and its rows are discarded.
            argument: the array as a literal without quotes.

        """
        driver = await self._connected()
        await self._call(driver, driver.prepare_once, statements)
        calls = (f"EXECUTE {name}('{argument}')" for name in statements)
        await self._begin(driver, ";".join(["BEGIN", *calls]))

    async def commit(self) -> None:
        await self.flush()
        if self._driver is not None:
            await self._commit(self._driver)
        await super().commit()

    async def finish(self) -> None:
        # SQLAlchemy's own commit takes longer than the round trip, and only concerns objects.
        if self._driver is None or self.new or self.identity_map:
            await super().finish()
        else:
            await self._commit(self._driver)

    async def rollback(self) -> None:
        try:
            await self._roll_back()
        finally:
            await super().rollback()

    async def close(self) -> None:
        try:
            await self._roll_back()
        finally:
            await super().close()

    async def _connected(self) -> Session:
        if self._driver is not None:
            return self._driver
        return await self.run_sync(_driver_of)

    async def _begin(self, driver: Session, sql: str) -> None:
        self._driver = driver
        await self._call(driver, driver.execute, sql)

    async def _commit(self, driver: Session) -> None:
        if await self._call(driver, driver.execute, "COMMIT") != "COMMIT":
            raise RolledBack  # A statement had failed, and its error was not raised.
        self._driver = None

    async def _roll_back(self) -> None:
        driver, self._driver = self._driver, None
        if driver is None or driver.is_closed() or not driver.is_in_transaction():
            return
        try:
            await driver.execute("ROLLBACK")
        except BaseException as error:
            # The server rolls back when it finds the connection closed.
            driver.terminate()
            if not isinstance(error, Exception):
                raise

    async def _call(
        self, driver: Session, function: Callable[..., Awaitable[Any]], *args: Any
    ) -> Any:
        """Call the driver, and raise what SQLAlchemy would raise."""
        try:
            return await function(*args)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            error.detail = None  # It quotes values.
            is_violation = isinstance(error, asyncpg.IntegrityConstraintViolationError)
            kind = IntegrityError if is_violation else DBAPIError
            raise kind(None, None, error, connection_invalidated=driver.is_closed()) from error
        except Exception:
            raise
        except BaseException:
            # A statement that was cancelled may still run.
            await (await self.connection()).invalidate()
            raise


def _driver_of(session: SyncSession) -> Session:
    return cast("Session", session.connection().connection.driver_connection)
