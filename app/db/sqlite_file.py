"""SQLite's file as the system has it: where it is, whose it is, and what becomes of it."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.core.errors import DatabaseUnavailable, StartupError
from app.db.migrate import is_newer
from app.db.private_files import beside, create_private
from app.db.sqlite_lock import Identity, identity_locked, identity_of, name_locked
from app.db.sqlite_schema import foreign_objects, stored_revision

_log = logging.getLogger(__name__)

_OTHERS = 0o077
BUSY_TIMEOUT = 1.5
"""Seconds that SQLite itself waits for another process's lock."""


class SQLiteFile:
    """A database file with its write-ahead log, from before it is opened until after."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.path = path.resolve()
        self.log, self.index = beside(self.path)
        """The write-ahead log and its index."""
        self.restoring = self.path.with_name(f"{self.path.name}.restoring")
        """What says that a restore is under way, or was cut short."""
        # Not resolved: where a symbolic link leads may change, too.
        self._path = path.absolute()
        self._opened: dict[Path, Identity | None] = {}
        self._trouble: str | None = None
        self._keeper: sqlite3.Connection | None = None
        """Keeps the log in its place while the file is served, whichever others come and go."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep all other server processes off the file, which exists.

        Raises:
            StartupError: another process serves it, or a restore was cut short.

        """
        with name_locked(self.path):
            self._require_whole()
            with identity_locked(self.path):
                yield

    @contextmanager
    def served(self) -> Iterator[None]:
        """Keep all other server processes off the file, and watch it; it is made if there is none.

        Raises:
            StartupError: another process serves it, it has more than one name, it cannot be
                written, or it has what is not the service's.

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
                    self._opened, self._trouble, self._keeper = {}, None, None

    def create(self) -> None:
        """Make an empty file, for its owner alone whatever the umask, unless there is one.

        Raises:
            StartupError: the folder cannot be written.

        """
        try:
            create_private(self.path)
        except FileExistsError:
            pass
        except OSError as error:
            raise StartupError(
                f"The folder of the database {self.name}: {error.strerror}."
            ) from None

    def connect(self, mode: str) -> sqlite3.Connection:
        """A connection to the file, which is never made by it; `mode` is `rw` or `ro`.

        No transaction begins by itself: BEGIN is for the caller to choose.

        Raises:
            DatabaseUnavailable: the path leads to another file than the one that is served.

        """
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
        )
        if not self.is_same_file():
            # It may be of another file, which must not get this one's log.
            connection.close()
            raise DatabaseUnavailable
        return connection

    def require_ours(self, connection: sqlite3.Connection) -> None:
        """Check that the database has only what the service made.

        Raises:
            StartupError: it names what others made.

        """
        if is_newer(stored_revision(connection)):
            # Its tables are not known here; that it is newer is said where it is migrated.
            return
        if foreign := foreign_objects(connection):
            raise StartupError(
                f"The database {self.name} has what is not the service's: {foreign}."
                " Drop it, or set DATABASE_URL to another file."
            )

    @property
    def is_served(self) -> bool:
        """Whether `served` is under way."""
        return bool(self._opened)

    @property
    def is_lost(self) -> bool:
        """Whether the last look found that what is committed now will not be found."""
        return self._trouble is not None

    def is_same_file(self) -> bool:
        """Whether the path still leads to the file that was opened: one look at the disk."""
        return not self._opened or (
            self._trouble is None and identity_of(self._path) == self._opened[self._path]
        )

    def look(self) -> bool:
        """Look at everything, and log a change; says whether all is well."""
        trouble = self._find_trouble() if self._opened else None
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble is None:
                _log.warning("The database file %s is as it was again.", self.name)
            else:
                _log.error("%s", trouble)
        return trouble is None

    def leave_log(self) -> bool:
        """Empty the log of a file that is lost; says whether that was done.

        The file, wherever it is, has everything then. And the log stays at the old name: SQLite
        would write what is in it over whichever file the next start finds there. This holds up
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
        """The size of the write-ahead log."""
        try:
            return self.log.stat().st_size
        except OSError:
            return 0

    def _find_trouble(self) -> str | None:
        """What is wrong with the files, and what to do."""
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
                f"The database file {self.name} or its folder cannot be written any more."
                " Make them writable for the user that the service runs as."
            )
        return None

    def _require_whole(self) -> None:
        if self.restoring.exists():
            raise StartupError(
                f"A restore of {self.name} was cut short. Run `python -m app restore FILE` again,"
                " with the backup or with what was put aside."
            )

    def _require_no_orphan(self) -> None:
        # SQLite would delete the log, and with it what was committed last. An empty log is what the
        # service leaves of a file that was taken away: a new one would be taken for it.
        is_there = self.path.exists()
        has_content = is_there and self.path.stat().st_size
        if (self.log_bytes() and not has_content) or (self.log.exists() and not is_there):
            raise StartupError(
                f"The database {self.name} is missing, and its log {self.log.name} is there."
                " Put the database back beside it, or move the log away."
            )

    def _open(self) -> sqlite3.Connection:
        """A connection with the log open, to a file that the service may use.

        Raises:
            StartupError: it may not.

        """
        if not self.path.is_file():
            raise StartupError(f"The database {self.name} is no file.")
        if self.path.stat().st_nlink > 1:
            raise StartupError(
                f"The database {self.name} has more than one name (hard links), which SQLite takes"
                f" for two databases; `find -samefile {self.name}` lists them. Remove all but one."
            )
        connection = self.connect("rw")
        try:
            self.require_ours(connection)
            # An empty file becomes a database here. The log is made, and kept.
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
        # The system may say so and yet refuse. BEGIN IMMEDIATE alone is a read where it does.
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
                "Other users of this machine may read the leads; mend it with: chmod 600 %s",
                " ".join(wide),
            )
