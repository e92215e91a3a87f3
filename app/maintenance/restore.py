"""A backup put in the place of SQLite's file, which is kept under another name."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from stat import S_IMODE

from app.core.errors import CutShort, MaintenanceError, StartupError
from app.db.migrate import is_newer
from app.db.private_files import beside
from app.db.sqlite_file import SQLiteFile
from app.db.sqlite_lock import identity_locked, name_locked
from app.db.sqlite_schema import foreign_objects, stored_revision
from app.maintenance.sqlite_files import check, copy_into, draft_beside, file_of, reason_of, sync


def restore(url: str, backup: Path) -> Path | None:
    """Put a copy of a backup in the place of the database at a URL, which no process serves.

    At every moment the old database is in place, or the new one, or a file beside them keeps the
    service from starting until the restore is done again.

    Returns:
        Where the old database is kept, with its write-ahead log beside it; None if there was none.

    Raises:
        MaintenanceError: the database is served, or the backup is not a sound one of the service;
            nothing was changed.
        CutShort: the files could not be renamed.

    """
    file = SQLiteFile(file_of(url, "restore PostgreSQL with pg_restore"))
    backup = backup.resolve()
    if not backup.is_file():
        raise MaintenanceError(f"there is no file {backup.name}.")
    if file.path.exists() and file.path.samefile(backup):
        raise MaintenanceError(f"{backup.name} is the database itself.")
    try:
        with _alone(file.path), draft_beside(file.path) as draft:
            copy_into(draft, backup, _mode(backup))
            check(draft, _require_sound_rows, _require_our_schema)
            _own_like(_present(file), draft)
            sync(draft)
            return _put_in_place(draft, file)
    except StartupError as error:
        raise MaintenanceError(str(error)) from error
    except (sqlite3.Error, OSError) as error:
        raise MaintenanceError(f"{backup.name} cannot be restored: {reason_of(error)}.") from error


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(name_locked(database))
        if database.exists():
            stack.enter_context(identity_locked(database))
        yield


def _mode(backup: Path) -> str:
    """How to open a backup: its write-ahead log, where it has one, is part of it."""
    log, _ = beside(backup)
    has_log = log.exists() and log.stat().st_size
    # Without one nothing needs to be written beside it, which may be impossible there.
    return "mode=ro" if has_log else "mode=ro&immutable=1"


def _require_sound_rows(rows: sqlite3.Connection) -> None:
    orphans = len(rows.execute("PRAGMA foreign_key_check").fetchall())
    if orphans:
        raise MaintenanceError(f"the backup has {orphans:,} rows without their parent.")


def _require_our_schema(rows: sqlite3.Connection) -> None:
    revision = stored_revision(rows)
    if revision is None:
        raise MaintenanceError("the backup has no schema of the service.")
    if is_newer(revision):
        raise MaintenanceError("the backup was made by a newer version of the service.")
    if foreign := foreign_objects(rows):
        raise MaintenanceError(f"the backup has what is not the service's: {foreign}.")


def _present(file: SQLiteFile) -> Path | None:
    """The database as it is, or as a restore that was cut short has put it aside."""
    return next((path for path in (file.path, _put_aside(file)) if path and path.exists()), None)


def _own_like(before: Path | None, draft: Path) -> None:
    if before is None or os.name != "posix":
        return
    kept = before.stat()
    made = draft.stat()
    if (kept.st_uid, kept.st_gid) != (made.st_uid, made.st_gid):
        os.chown(draft, kept.st_uid, kept.st_gid)
    draft.chmod(S_IMODE(kept.st_mode))


def _put_in_place(draft: Path, file: SQLiteFile) -> Path | None:
    folder = file.path.parent
    before = _put_aside(file)
    aside = before if before and not before.exists() else _free_name(file.path)
    # Until there is a database again, the log is that of the one that was put aside first.
    whose = before if before and not file.path.exists() else aside
    try:
        if before is None:
            _mark(file, aside, draft.with_name("note"))
        for path, name in zip(
            (file.path, file.log, file.index), (aside, *beside(whose)), strict=True
        ):
            if path.exists():
                path.rename(name)
        sync(folder)
        draft.rename(file.path)
        sync(folder)
        file.restoring.unlink()
        sync(folder)
    except OSError as error:
        raise CutShort(
            f"The restore of {file.name} was cut short: {error.strerror}. Run it again."
        ) from error
    return next((name for name in (before, aside) if name and name.exists()), None)


def _mark(file: SQLiteFile, aside: Path, note: Path) -> None:
    """Keep the service from starting, and write down where the present database goes."""
    note.write_text(aside.name, encoding="utf-8")
    sync(note)
    note.rename(file.restoring)
    sync(file.path.parent)


def _put_aside(file: SQLiteFile) -> Path | None:
    """Where a restore that was cut short has put the database, or was about to."""
    try:
        return file.path.with_name(file.restoring.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _free_name(path: Path) -> Path:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    first = path.with_name(f"{path.name}.{moment}")
    others = (first.with_name(f"{first.name}.{number}") for number in count(2))
    return next(name for name in chain([first], others) if not name.exists())
