"""An online backup of SQLite's file."""

import sqlite3
from pathlib import Path

from app.core.errors import MaintenanceError
from app.maintenance.sqlite_files import check, copy_into, draft_beside, file_of, reason_of, sync


def back_up(url: str, target: Path) -> None:
    """Copy the SQLite database at a URL into a new file, also while processes write to it.

    The file contains everything that was committed before the copy began. It appears when it is
    complete.

    Raises:
        MaintenanceError: there is no database, the file exists, or the copy failed.

    """
    source = file_of(url, "back up PostgreSQL with pg_dump or pg_basebackup")
    if not source.is_file():
        raise MaintenanceError(f"there is no file {source.name}.")
    if target.exists():
        raise MaintenanceError(f"{target.name} already exists.")
    try:
        with draft_beside(target) as draft:
            copy_into(draft, source)
            check(draft)
            sync(draft)
            draft.rename(target)
        sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        reason = reason_of(error)
        message = f"{source.name} cannot be copied to {target.name}: {reason}."
        raise MaintenanceError(message) from error
