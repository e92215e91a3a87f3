"""SQLite files as backups and restores handle them: copied through SQLite, checked, synced."""

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
"""Pages; between two steps the bar moves, and Ctrl-C is heard."""
_INSTRUCTIONS = 100_000
"""Of SQLite's machine; as often a check hears Ctrl-C."""


def file_of(url: str, otherwise: str) -> Path:
    """Where the database of a URL lies.

    Raises:
        MaintenanceError: it is PostgreSQL's; `otherwise` says what to do then.

    """
    if is_postgres_url(url):
        raise MaintenanceError(f"this is for SQLite; {otherwise}.")
    return Path(make_url(url).database or "").resolve()


@contextmanager
def draft_beside(target: Path) -> Iterator[Path]:
    """An empty file, its owner's alone, that can be renamed to the target; gone with the block."""
    with TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        draft = Path(folder, target.name)
        create_private(draft)
        yield draft


def copy_into(draft: Path, source: Path, mode: str = "mode=ro") -> None:
    """Copy the state of a database, its write-ahead log included, whatever is written meanwhile.

    Read-only, a connection never checkpoints, not even when it is the last one to close: that is
    for the service alone.
    """
    reading = sqlite3.connect(f"{source.as_uri()}?{mode}", uri=True, isolation_level=None)
    with closing(reading), closing(sqlite3.connect(draft)) as writing:
        # All steps read the state of this transaction. Without it every write of the service would
        # restart the copy.
        reading.execute("BEGIN")
        [(pages,)] = reading.execute("SELECT page_count FROM pragma_page_count")
        with progress(f"{source.name} to {draft.name}", pages) as advance:
            reading.backup(writing, pages=_STEP, progress=lambda *_: advance(_STEP))


def check(draft: Path, *further: Callable[[sqlite3.Connection], None]) -> None:
    """Check the pages of a database, and whatever else is asked for.

    Raises:
        MaintenanceError: it is damaged.

    """
    with closing(sqlite3.connect(draft)) as rows:
        # While SQLite works on its own, a signal is heard here.
        rows.set_progress_handler(lambda: 0, _INSTRUCTIONS)
        [(verdict,), *_] = rows.execute("PRAGMA integrity_check")
        if verdict != "ok":
            raise MaintenanceError(f"the copy is damaged, and so may be the database: {verdict}.")
        for look in further:
            look(rows)


def sync(path: Path) -> None:
    """Keep a file's content, or the names in a folder, through a power loss.

    Windows offers no way to ask for the names.
    """
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason_of(error: sqlite3.Error | OSError) -> str:
    """What went wrong, without a path."""
    return str(error.strerror if isinstance(error, OSError) else error)
