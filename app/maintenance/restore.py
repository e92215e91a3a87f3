"""Replaces SQLite's file by a backup, and keeps the old file under another name."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from stat import S_IMODE

from app.core.errors import Interrupted, MaintenanceError, StartupError
from app.db.migrate import is_newer
from app.db.private_files import beside
from app.db.sqlite_file import SQLiteFile
from app.db.sqlite_lock import identity_locked, name_locked
from app.db.sqlite_schema import foreign_objects, stored_revision
from app.maintenance.sqlite_files import check, copy_into, draft_beside, file_of, reason_of, sync


def restore(url: str, backup: Path) -> Path | None:
    """Replace the database at a URL, which no process serves, by a copy of a backup.

    At every moment the old or the new database is in place, or a marker file in the same folder
    keeps the service from starting until the restore is run again.

    Returns:
        The path of the old database, with its write-ahead log in the same folder; None if there
        was no old database.

    Raises:
        MaintenanceError: the database is being served, or the file is not a valid backup of the
            service; nothing was changed.
        Interrupted: the files could not be renamed.

    """
    file = SQLiteFile(file_of(url, "restore PostgreSQL with pg_restore"))
    backup = backup.resolve()
    if not backup.is_file():
        raise MaintenanceError(f"there is no file {backup.name}.")
    if file.path.exists() and file.path.samefile(backup):
        raise MaintenanceError(f"{backup.name} is the database itself.")
    try:
        with _locked(file.path), draft_beside(file.path) as draft:
            copy_into(draft, backup, _mode(backup))
            check(draft, _require_sound_rows, _require_our_schema)
            _copy_owner(_present(file), draft)
            sync(draft)
            return _put_in_place(draft, file)
    except StartupError as error:
        raise MaintenanceError(str(error)) from error
    except (sqlite3.Error, OSError) as error:
        raise MaintenanceError(f"{backup.name} cannot be restored: {reason_of(error)}.") from error


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(name_locked(database))
        if database.exists():
            stack.enter_context(identity_locked(database))
        yield


def _mode(backup: Path) -> str:
    """The mode in which to open a backup; its write-ahead log, if it has one, is part of it."""
    log, _ = beside(backup)
    has_log = log.exists() and log.stat().st_size
    # Without a log, `immutable=1` keeps SQLite from writing to the folder, which may be read-only.
    return "mode=ro" if has_log else "mode=ro&immutable=1"


def _require_sound_rows(rows: sqlite3.Connection) -> None:
    orphans = len(rows.execute("PRAGMA foreign_key_check").fetchall())
    if orphans:
        raise MaintenanceError(f"the backup has {orphans:,} rows that reference a missing row.")


def _require_our_schema(rows: sqlite3.Connection) -> None:
    revision = stored_revision(rows)
    if revision is None:
        raise MaintenanceError("the backup has no schema of the service.")
    if is_newer(revision):
        raise MaintenanceError("the backup has the schema of a newer version of the service.")
    if foreign := foreign_objects(rows):
        raise MaintenanceError(f"the backup has objects that are not the service's: {foreign}.")


def _present(file: SQLiteFile) -> Path | None:
    """The database, or the previous one that an interrupted restore has renamed."""
    return next((path for path in (file.path, _renamed(file)) if path and path.exists()), None)


def _copy_owner(before: Path | None, draft: Path) -> None:
    if before is None or os.name != "posix":
        return
    kept = before.stat()
    made = draft.stat()
    if (kept.st_uid, kept.st_gid) != (made.st_uid, made.st_gid):
        os.chown(draft, kept.st_uid, kept.st_gid)
    draft.chmod(S_IMODE(kept.st_mode))


def _put_in_place(draft: Path, file: SQLiteFile) -> Path | None:
    folder = file.path.parent
    before = _renamed(file)
    aside = before if before and not before.exists() else _free_name(file.path)
    # If there is no database, the log belongs to the one that the interrupted restore renamed.
    log_owner = before if before and not file.path.exists() else aside
    try:
        if before is None:
            _mark(file, aside, draft.with_name("note"))
        for path, name in zip(
            (file.path, file.log, file.index), (aside, *beside(log_owner)), strict=True
        ):
            if path.exists():
                path.rename(name)
        sync(folder)
        draft.rename(file.path)
        sync(folder)
        file.restoring.unlink()
        sync(folder)
    except OSError as error:
        raise Interrupted(
            f"The restore of {file.name} was interrupted: {error.strerror}. Run it again."
        ) from error
    return next((name for name in (before, aside) if name and name.exists()), None)


def _mark(file: SQLiteFile, aside: Path, note: Path) -> None:
    """Keep the service from starting, and record the new path of the present database."""
    note.write_text(aside.name, encoding="utf-8")
    sync(note)
    note.rename(file.restoring)
    sync(file.path.parent)


def _renamed(file: SQLiteFile) -> Path | None:
    """The path to which an interrupted restore has renamed the database, or was about to."""
    try:
        return file.path.with_name(file.restoring.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _free_name(path: Path) -> Path:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    first = path.with_name(f"{path.name}.{moment}")
    others = (first.with_name(f"{first.name}.{number}") for number in count(2))
    return next(name for name in chain([first], others) if not name.exists())
