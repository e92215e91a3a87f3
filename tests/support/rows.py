"""A database connection for tests, which sees committed rows; the same on each kind of database."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]  # it comes without types
from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy.engine import make_url

from app.models import Base

TABLES = Base.metadata.sorted_tables


class Found(list[tuple[Any, ...]]):
    """The rows of a statement, with values as SQLite stores them: a UUID or a time is text."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row; None if there is none."""
        return self[0] if self else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        return self


class Rows(ABC):
    """Runs statements and commits each at once; parameters are question marks."""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Found:
        """Run one statement."""

    @abstractmethod
    def executescript(self, sql: str) -> None:
        """Run several statements, which may insert explicit ids."""

    @abstractmethod
    def lock(self) -> None:
        """Lock out all other writers until `rollback`; other connections can read."""

    @abstractmethod
    def rollback(self) -> None:
        """Release the lock."""

    @abstractmethod
    def fail_commit(self, table: str, condition: str, of: str = "INSERT") -> None:
        """Make COMMIT fail in transactions that insert (or update) a row `new` like this."""

    @abstractmethod
    def let_commit(self, table: str) -> None:
        """Undo `fail_commit`."""

    @abstractmethod
    def damage(self) -> list[str]:
        """The errors that integrity checks of the database find."""

    def dump(self) -> list[list[tuple[Any, ...]]]:
        """All rows of all tables."""
        return [sorted(self.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES]


@contextmanager
def open_rows(url: str) -> Iterator[Rows]:
    """A connection to the database at a URL, until the block ends."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)
        try:
            yield _SQLiteRows(connection)
        finally:
            connection.close()
    else:
        # The test's event loop is blocked meanwhile: this connection needs its own, in a thread.
        with start_blocking_portal() as portal:
            rows = _PostgresRows(portal, url)
            try:
                yield rows
            finally:
                rows.close()


class _SQLiteRows(Rows):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Found:
        return Found(self._connection.execute(sql, parameters))

    def executescript(self, sql: str) -> None:
        self._connection.executescript(sql)

    def lock(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def rollback(self) -> None:
        self._connection.rollback()

    def fail_commit(self, table: str, condition: str, of: str = "INSERT") -> None:
        self.executescript(
            f"""
            CREATE TABLE orphans
            (parent INTEGER REFERENCES sources (id) DEFERRABLE INITIALLY DEFERRED);
            CREATE TRIGGER add_orphan AFTER {of} ON {table} WHEN {condition}
            BEGIN INSERT INTO orphans VALUES (99); END;
            """
        )

    def let_commit(self, table: str) -> None:
        self.execute("DROP TRIGGER add_orphan")

    def damage(self) -> list[str]:
        checks = {
            "integrity_check": "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
            "foreign_key_check": "SELECT * FROM pragma_foreign_key_check",
        }
        return [f"{name}: {row}" for name, sql in checks.items() for row in self.execute(sql)]


class _PostgresRows(Rows):
    def __init__(self, portal: BlockingPortal, url: str) -> None:
        self._portal = portal
        # A test that waits for its own lock fails after this timeout.
        settings = {"TimeZone": "UTC", "lock_timeout": "30s"}
        self._connection = portal.call(lambda: asyncpg.connect(url, server_settings=settings))

    def close(self) -> None:
        self._portal.call(self._connection.close)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Found:
        # As literals: asyncpg takes only parameters of the type that each place expects.
        values = iter(parameters)
        sql = "".join(_literal(next(values)) if sign == "?" else sign for sign in sql)
        found = self._portal.call(self._connection.fetch, sql)
        return Found(tuple(map(_as_in_sqlite, row)) for row in found)

    def executescript(self, sql: str) -> None:
        self._portal.call(self._connection.execute, sql)
        for table in TABLES:
            if "id" in table.columns:
                self.execute(
                    f"SELECT setval('{table}_id_seq', greatest(max(id), 1), max(id) IS NOT NULL)"
                    f" FROM {table}"
                )

    def lock(self) -> None:
        self.execute("BEGIN")
        self.execute(f"LOCK TABLE {', '.join(map(str, TABLES))} IN EXCLUSIVE MODE")

    def rollback(self) -> None:
        self.execute("ROLLBACK")

    def fail_commit(self, table: str, condition: str, of: str = "INSERT") -> None:
        self.executescript(
            f"""
            CREATE TABLE orphans
            (parent BIGINT REFERENCES sources (id) DEFERRABLE INITIALLY DEFERRED);
            CREATE FUNCTION insert_orphan() RETURNS TRIGGER LANGUAGE plpgsql
            AS 'BEGIN INSERT INTO orphans VALUES (99); RETURN NULL; END';
            CREATE TRIGGER add_orphan AFTER {of} ON {table} FOR EACH ROW WHEN ({condition})
            EXECUTE FUNCTION insert_orphan();
            """
        )

    def let_commit(self, table: str) -> None:
        self.execute(f"DROP TRIGGER add_orphan ON {table}")

    def damage(self) -> list[str]:
        return [f"foreign_key_check: {row}" for query in _orphans() for row in self.execute(query)]


def _orphans() -> Iterable[str]:
    for table in TABLES:
        for key in table.foreign_keys:
            child, parent = key.parent.name, key.column
            parents = f"SELECT {parent.name} FROM {parent.table}"
            yield (
                f"SELECT '{table}', '{child}', {child} FROM {table}"
                f" WHERE {child} IS NOT NULL AND {child} NOT IN ({parents})"
            )


def _as_in_sqlite(value: Any) -> Any:
    match value:
        case UUID():
            return value.hex
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S.%f}"
        case date():
            return str(value)
        case Decimal():
            return int(value)
        case _:
            return value


def _literal(value: str | int | bytes) -> str:
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
