"""Sessions, which repositories work on."""

from collections.abc import Callable
from typing import cast

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession


def dialect_of(session: AsyncSession) -> Dialect:
    """The dialect of a session's database; `get_bind()` would look for one per table."""
    return cast("AsyncEngine | AsyncConnection", session.bind).dialect


def is_sqlite(session: AsyncSession) -> bool:
    """Whether the session's database is SQLite."""
    return dialect_of(session).name == "sqlite"


class ReadSession(AsyncSession):
    """A session on a read-only connection."""


class WriteSession(AsyncSession):
    """A session on a connection that writes; the block that opened it commits it."""

    def __init__(self, bind: AsyncEngine | AsyncConnection) -> None:
        super().__init__(bind, expire_on_commit=False)
        self.committed: list[Callable[[], None]] = []

    def on_commit(self, call: Callable[[], None]) -> None:
        """Call this when the transaction is committed, and not at all if it is rolled back."""
        self.committed.append(call)

    async def finish(self) -> None:
        """Commit, as the last thing that the session does before it is closed."""
        if self.in_transaction():
            await self.commit()

    async def rollback(self) -> None:
        self.committed.clear()
        await super().rollback()
