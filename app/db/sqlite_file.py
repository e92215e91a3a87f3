"""SQLite's file on disk: its path, its locks, and changes to it while it is served."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.core.errors import DatabaseUnavailable, StartupError
from app.db.backend import Files
from app.db.migrate import is_newer
from app.db.private_files import beside, create_private
from app.db.sqlite_lock import Identity, identity_locked, identity_of, name_locked
from app.db.sqlite_schema import foreign_objects, stored_revision

_log = logging.getLogger(__name__)

_OTHERS = 0o077
BUSY_TIMEOUT = 1.5
"""Seconds that SQLite itself waits for another process's lock."""


class SQLiteFile(Files):
    """A database file and its write-ahead log, from before it is opened until it is closed."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.path = path.resolve()
        self.log, self.index = beside(self.path)
        """The write-ahead log and its index."""
        self.restoring = self.path.with_name(f"{self.path.name}.restoring")
        """The file that exists while a restore is in progress, or after it was interrupted."""
        # Not resolved: the target of a symbolic link may change, too.
        self._path = path.absolute()
        self._opened: dict[Path, Identity | None] = {}
        self._problem: str | None = None
        self._keeper: sqlite3.Connection | None = None
        """Keeps the log in place while the file is served and other connections open and close."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the file, which exists, against all other server processes.

        Raises:
            StartupError: another process serves it, or a restore was interrupted.

        """
        with name_locked(self.path):
            self._require_whole()
            with identity_locked(self.path):
                yield

    @contextmanager
    def served(self) -> Iterator[None]:
        """Lock the file against all other server processes, and create it if it does not exist.

        Raises:
            StartupError: another process serves it, it has more than one name, it cannot be
                written, or it has objects that are not the service's.

        """
        with name_locked(self.path):
            self._require_whole()
            self._require_no_orphan()
            self.create()
            with identity_locked(self.path), closing(self._open()) as keeper:
                self._keeper = keeper
                self._opened = {
                    path: identity_of(path) for path in (self._path, self.log, self.index)
                }
                self._warn_of_modes()
                try:
                    yield
                finally:
                    self._opened, self._problem, self._keeper = {}, None, None

    def create(self) -> None:
        """Create an empty file that only its owner can access, unless the file exists.

        Raises:
            StartupError: the folder cannot be written.

        """
        try:
            create_private(self.path)
        except FileExistsError:
            pass
        except OSError as error:
            raise StartupError(
                f"The folder of the database {self.name} cannot be used: {error.strerror}."
            ) from None

    def connect(self, mode: str) -> sqlite3.Connection:
        """A connection to the file, which it does not create; `mode` is `rw` or `ro`.

        It never begins a transaction by itself: the caller sends BEGIN.

        Raises:
            DatabaseUnavailable: the path leads to another file than the one that is served.

        """
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
        )
        if not self.are_same():
            # It may be to another file, which must not get the log of this one.
            connection.close()
            raise DatabaseUnavailable
        return connection

    def require_ours(self, connection: sqlite3.Connection) -> None:
        """Check that the database has only the service's own objects.

        Raises:
            StartupError: it has others; the message names them.

        """
        if is_newer(stored_revision(connection)):
            # This version does not know its tables; the migration reports that it is newer.
            return
        if foreign := foreign_objects(connection):
            raise StartupError(
                f"The database {self.name} has objects that are not the service's: {foreign}."
                " Drop them, or set DATABASE_URL to another file."
            )

    @property
    def is_served(self) -> bool:
        """Whether the file is being served."""
        return bool(self._opened)

    @property
    def is_lost(self) -> bool:
        """Whether the last check found that a restart would miss what is committed now."""
        return self._problem is not None

    def are_same(self) -> bool:
        """Whether the path still leads to the file that was opened; a quick check."""
        return not self._opened or (
            self._problem is None and identity_of(self._path) == self._opened[self._path]
        )

    def check(self) -> bool:
        """Return whether the files have no problem; log a changed result."""
        problem = self._find_problem() if self._opened else None
        if problem != self._problem:
            self._problem = problem
            if problem is None:
                _log.warning("The database file %s is usable again.", self.name)
            else:
                _log.error("%s", problem)
        return problem is None

    def empty_log(self) -> bool:
        """Write the log into a lost file, and truncate it; return whether this succeeded.

        The file, wherever it was moved, then has every commit. The log keeps the old name, and
        SQLite would write its content over the file that the next start finds there. This blocks
        the event loop, which has nothing else to do for such a file.
        """
        if self._keeper is None:
            return True
        try:
            self._keeper.execute("PRAGMA busy_timeout = 0")
            [(busy, _, _)] = self._keeper.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            return False
        return not busy

    def log_bytes(self) -> int:
        """The size of the write-ahead log in bytes."""
        try:
            return self.log.stat().st_size
        except OSError:
            return 0

    def _find_problem(self) -> str | None:
        """The problem with the files and its remedy; None if there is no problem."""
        now = identity_of(self._path)
        if now is None:
            return (
                f"The database file {self.name} was deleted or moved away while it was served."
                " Move it back, or stop the service, put the right file in place and start again."
            )
        if now != self._opened[self._path]:
            return (
                f"The database file {self.name} was replaced while it was served."
                " Stop the service, put the right file in place and start again."
            )
        for path in (self.log, self.index):
            if identity_of(path) != self._opened[path]:
                return (
                    f"The file {path.name} was deleted or replaced while it was in use."
                    " Stop the service and start it again."
                )
        if not self._is_writable():
            return (
                f"The database file {self.name} or its folder is no longer writable."
                " Make both writable for the user that the service runs as."
            )
        return None

    def _require_whole(self) -> None:
        if self.restoring.exists():
            raise StartupError(
                f"A restore of {self.name} was interrupted. Run `python -m app restore FILE` again,"
                " with the backup or with the previous database, which the restore renamed."
            )

    def _require_no_orphan(self) -> None:
        # SQLite would delete the log and the latest commits in it. When its file is moved away, the
        # service leaves an empty log, so that a later start does not create a new database.
        is_there = self.path.exists()
        has_content = is_there and self.path.stat().st_size
        if (self.log_bytes() and not has_content) or (self.log.exists() and not is_there):
            raise StartupError(
                f"The database {self.name} is missing, but its log {self.log.name} exists."
                " Move the database back to the folder of its log, or move the log to another one."
            )

    def _open(self) -> sqlite3.Connection:
        """A connection, with the log open, to a file that the service may use.

        Raises:
            StartupError: the service may not use it.

        """
        if not self.path.is_file():
            raise StartupError(f"The database {self.name} is not a file.")
        if self.path.stat().st_nlink > 1:
            raise StartupError(
                f"The database {self.name} has more than one name (hard links), which SQLite treats"
                " as separate databases; remove all but one."
                f" `find -samefile {self.name}` lists them."
            )
        connection = self.connect("rw")
        try:
            self.require_ours(connection)
            # This makes an empty file a database, and creates the log, which remains.
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            self._require_writable(connection)
        except sqlite3.Error as error:
            connection.close()
            raise self._cannot_be_opened(error) from error
        except StartupError:
            connection.close()
            raise
        return connection

    def _require_writable(self, connection: sqlite3.Connection) -> None:
        if not self._is_writable():
            raise self._not_writable()
        # The system may still refuse writes; BEGIN IMMEDIATE then starts a transaction that reads.
        connection.execute("BEGIN IMMEDIATE")
        [(version,)] = connection.execute("PRAGMA user_version")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("ROLLBACK")

    def _is_writable(self) -> bool:
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _not_writable(self) -> StartupError:
        return StartupError(
            f"The database {self.name}, its folder, {self.log.name} or {self.index.name}"
            " cannot be written by the user that the service runs as."
        )

    def _cannot_be_opened(self, error: sqlite3.Error) -> StartupError:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                return self._not_writable()
            case _:
                return StartupError(
                    f"The database {self.name} cannot be opened or migrated: {error}."
                )

    def _warn_of_modes(self) -> None:
        if os.name != "posix":
            return
        wide = [
            path.name
            for path in (self.path, self.log, self.index)
            if path.exists() and path.stat().st_mode & _OTHERS
        ]
        if wide:
            _log.warning(
                "Other users of this machine can read the leads; to prevent it, run: chmod 600 %s",
                " ".join(wide),
            )
