"""An online backup of SQLite's file."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url

from app.core.errors import UpkeepError
from app.upkeep.progress import progress

_STEP = 1000
"""Pages; between two steps the bar moves, and Ctrl-C is heard."""


def back_up(url: str, target: Path) -> None:
    """Copy the SQLite database at a URL into a new file, whatever is written to it meanwhile.

    The file has all that was committed before the copy began. It appears when it is whole.

    Raises:
        UpkeepError: there is nothing to copy, the file exists, or the copy failed.

    """
    source = _file_of(url)
    if target.exists():
        raise UpkeepError(f"{target.name} exists already.")
    try:
        with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            draft = Path(folder, target.name)
            _copy(source, draft)
            _check(draft)
            draft.rename(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UpkeepError(f"{source.name} cannot be copied to {target.name}: {reason}.") from error


def _file_of(url: str) -> Path:
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        raise UpkeepError("this is for SQLite; back up PostgreSQL with pg_dump or pg_basebackup.")
    file = Path(parsed.database or "").resolve()
    if not file.is_file():
        raise UpkeepError(f"there is no file {file.name}.")
    return file


def _copy(source: Path, draft: Path) -> None:
    # Read-only, a connection never checkpoints, not even when it is the last one to close: that is
    # for the service alone.
    reading = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, isolation_level=None)
    with closing(reading), closing(sqlite3.connect(draft)) as writing:
        # All steps read the state of this transaction. Without it every write of the service would
        # begin the copy anew.
        reading.execute("BEGIN")
        [(pages,)] = reading.execute("SELECT page_count FROM pragma_page_count")
        with progress(f"{source.name} to {draft.name}", pages) as advance:
            reading.backup(writing, pages=_STEP, progress=lambda *_: advance(_STEP))


def _check(draft: Path) -> None:
    with closing(sqlite3.connect(draft)) as rows:
        [(verdict,), *_] = rows.execute("PRAGMA integrity_check")
    if verdict != "ok":
        raise UpkeepError(f"the copy is damaged, and so may be the database: {verdict}.")


def _sync(folder: Path) -> None:
    """Keep the new name through a power loss; Windows offers no way to ask for it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
