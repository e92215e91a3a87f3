"""The files of a SQLite database: their names, and that they are their owner's alone."""

import os
from pathlib import Path

PRIVATE = 0o600
"""The mode of every file with leads in it; SQLite gives it to the log and its index, too."""


def beside(path: Path) -> tuple[Path, Path]:
    """Where SQLite keeps the write-ahead log of a database and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def create_private(path: Path) -> None:
    """Make an empty file that its owner alone may read and write.

    Raises:
        FileExistsError: it is there.
        OSError: it cannot be made.

    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        if os.name == "posix":
            # The umask may have taken even the owner's part.
            os.fchmod(descriptor, PRIVATE)
    finally:
        os.close(descriptor)
