"""What `Database` asks of a kind of database."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from app.core.errors import ServiceError

Session = TypeVar("Session", bound=AsyncSession)
Result = TypeVar("Result")


class Backend(ABC):
    """A kind of database, pointed at one of its databases."""

    name: str
    """What people know the database by: neither its folder nor its password."""
    location: str
    """Which of several of that name it is, by its folder or host; without user and password."""
    serves_many: bool
    """Whether several processes may serve it at once."""
    readers: AsyncEngine
    """Connections that cannot write."""
    writers: AsyncEngine
    """Connections whose transactions are durable once they are committed."""
    session_timeout: float | None = None
    """Seconds that a session may take; None where each of its waits has an end of its own."""

    @abstractmethod
    def serving(self) -> AbstractAsyncContextManager[None]:
        """Keep off other processes where need be, and close all connections in the end.

        Raises:
            StartupError: another process is there, or none can be.

        """

    async def run(
        self, work: Callable[[Session], Coroutine[Any, Any, Result]], session: Session
    ) -> Result:
        """The result of work that awaits nothing but the session; SQLite has committed it then."""
        return await work(session)

    @abstractmethod
    def migrating(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for changes of the schema, one at a time; committed when the block ends.

        Raises:
            StartupError: the changes would leave rows without their parent.

        """

    @property
    def is_lost(self) -> bool:
        """Whether the last look found that the next start would not find what is committed now."""
        return False

    def is_same_file(self) -> bool:
        """Whether open connections still lead to what the next start would open; a short look."""
        return True

    def look(self) -> bool:
        """Look whether what is committed now can be read by the next start, and log a change."""
        return True

    async def let_log_shrink(self) -> None:  # noqa: B027  # others have nothing to wait for
        """Wait a moment before reading, where readers are in the way of a checkpoint."""

    def log_bytes(self) -> int | None:
        """The size of the write-ahead log, where it is the service that keeps it short."""
        return None

    @abstractmethod
    def snapshot(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection that reads one state of the database, for as long as it takes.

        Raises:
            StartupError: there is no database, or another process may change the file.

        """

    @abstractmethod
    def service_error(self, error: Exception, *, committing: bool = False) -> ServiceError | None:
        """What an error means to a client; None if it is a fault of the service itself.

        `committing` says that COMMIT was on its way.
        """

    @abstractmethod
    def cause(self, error: Exception) -> str:
        """The name of what went wrong, for the log: no statement, no value."""


def original(error: Exception) -> Exception:
    """The driver's own error in SQLAlchemy's."""
    return error.driver_exception if isinstance(error, DBAPIError) else error


def reason(error: Exception) -> str:
    """What an error says, in one line: the details that follow may quote values."""
    driver_error = original(error)
    if isinstance(driver_error, TimeoutError):
        return "no answer in time"
    text = str(driver_error).strip() or type(driver_error).__name__
    return text.splitlines()[0].removesuffix(".")
