"""The interface that `Database` requires of a kind of database."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.errors import ServiceError
from app.db.group_read import GroupRead
from app.db.session import WriteSession

Result = TypeVar("Result")


class Files:
    """The files of a database that the service itself opens; PostgreSQL has none."""

    @property
    def is_lost(self) -> bool:
        """Whether the last check found that a restart would miss what is committed now."""
        return False

    def are_same(self) -> bool:
        """Whether open connections use the file that a restart would open; a quick check."""
        return True

    def check(self) -> bool:
        """Return whether a restart would find what is committed now; log a changed result."""
        return True

    def log_bytes(self) -> int | None:
        """The size of the write-ahead log in bytes; None if the service does not manage it."""
        return None


class Backend(ABC):
    """One database of a certain kind."""

    name: str
    """The name of the database in messages, without folder or password."""
    location: str
    """The path or URL of the database, without user and password."""
    serves_many: bool
    """Whether several processes may serve it at once."""
    files: Files
    """Its files, which may be lost while they are served."""
    readers: AsyncEngine
    """Read-only connections."""
    group_read: GroupRead | None = None
    """Does short reads in threads; None if each takes a session of its own."""
    session_timeout: float | None = None
    """Seconds that a session may take; None if each of its waits has a timeout of its own."""

    @abstractmethod
    def serving(self) -> AbstractAsyncContextManager[None]:
        """Lock out other processes where necessary, and close all connections at the end.

        Raises:
            StartupError: another process serves the database, or it cannot be served.

        """

    @abstractmethod
    def writing(self) -> AbstractAsyncContextManager[WriteSession]:
        """A session that writes; what it has not committed when the block ends is rolled back.

        Its committed transactions are durable.

        Raises:
            DatabaseUnavailable: no connection was free in time.

        """

    async def run(
        self, work: Callable[[WriteSession], Coroutine[Any, Any, Result]], session: WriteSession
    ) -> Result:
        """Run work that awaits nothing but the session; SQLite also commits it."""
        return await work(session)

    @abstractmethod
    def migrating(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for schema changes, one process at a time; committed when the block ends.

        Raises:
            StartupError: the changes would leave rows that reference a missing row.

        """

    async def let_log_shrink(self) -> None:  # noqa: B027  # PostgreSQL has nothing to wait for
        """Wait briefly before reading, if readers delay a checkpoint."""

    @abstractmethod
    def snapshot(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection that reads one snapshot of the database until the block ends.

        Raises:
            StartupError: there is no database, or another process may change the file.

        """

    @abstractmethod
    def service_error(self, error: Exception, *, committing: bool = False) -> ServiceError | None:
        """The error that the client receives; None if the service itself is at fault.

        `committing` means that COMMIT may have been sent.
        """

    @abstractmethod
    def cause(self, error: Exception) -> str:
        """The name of the failure for the log, without statement and values."""


def original(error: Exception) -> Exception:
    """The driver's error that SQLAlchemy wraps."""
    return error.driver_exception if isinstance(error, DBAPIError) else error


def reason(error: Exception) -> str:
    """The first line of an error's message; further lines may quote values."""
    driver_error = original(error)
    if isinstance(driver_error, TimeoutError):
        return "the server did not answer in time"
    text = str(driver_error).strip() or type(driver_error).__name__
    return text.splitlines()[0].removesuffix(".")
