"""SQLite files in backups and restores: copied by SQLite, checked and synced."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url

from app.core.errors import MaintenanceError
from app.core.postgres_url import is_postgres_url
from app.db.private_files import create_private
from app.maintenance.progress import progress

_STEP = 1000
"""Pages per step; between two steps the progress bar advances and Ctrl-C takes effect."""
_INSTRUCTIONS = 100_000
"""Instructions of SQLite's virtual machine, after which Ctrl-C takes effect in a check."""


def file_of(url: str, otherwise: str) -> Path:
    """The path of the SQLite file at a URL.

    Raises:
        MaintenanceError: the URL is of PostgreSQL; `otherwise` says what to do instead.

    """
    if is_postgres_url(url):
        raise MaintenanceError(f"this command supports only SQLite; {otherwise}.")
    return Path(make_url(url).database or "").resolve()


@contextmanager
def draft_beside(target: Path) -> Iterator[Path]:
    """An empty private file that can be renamed to the target; removed when the block ends."""
    with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        draft = Path(folder, target.name)
        create_private(draft)
        yield draft


def copy_into(draft: Path, source: Path, mode: str = "mode=ro") -> None:
    """Copy a snapshot of a database, including its write-ahead log, while processes write to it.

    A read-only connection never checkpoints, not even when it is the last one to close: only the
    service does.
    """
    reading = sqlite3.connect(f"{source.as_uri()}?{mode}", uri=True, isolation_level=None)
    with closing(reading), closing(sqlite3.connect(draft)) as writing:
        # All steps read the snapshot of this transaction. Without it, every write of the service
        # would restart the copy.
        reading.execute("BEGIN")
        [(pages,)] = reading.execute("SELECT page_count FROM pragma_page_count")
        with progress(f"{source.name} to {draft.name}", pages) as advance:
            reading.backup(writing, pages=_STEP, progress=lambda *_: advance(_STEP))


def check(draft: Path, *further: Callable[[sqlite3.Connection], None]) -> None:
    """Check the pages of a database, and run further checks.

    Raises:
        MaintenanceError: the database is damaged.

    """
    with closing(sqlite3.connect(draft)) as rows:
        # Python handles signals here while SQLite works.
        rows.set_progress_handler(lambda: 0, _INSTRUCTIONS)
        [(verdict,), *_] = rows.execute("PRAGMA integrity_check")
        if verdict != "ok":
            raise MaintenanceError(
                f"the copy is damaged, and the file that was copied may be damaged, too: {verdict}."
            )
        for check_rows in further:
            check_rows(rows)


def sync(path: Path) -> None:
    """Sync a file's content, or the names in a folder, to disk.

    Windows cannot sync the names in a folder.
    """
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason_of(error: sqlite3.Error | OSError) -> str:
    """The message of an error, without a path."""
    return str(error.strerror if isinstance(error, OSError) else error)
