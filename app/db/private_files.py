"""The files of a SQLite database: their names, and access for their owner alone."""

import os
from pathlib import Path

PRIVATE = 0o600
"""The mode of every file that contains leads; SQLite also applies it to the log and its index."""


def beside(path: Path) -> tuple[Path, Path]:
    """The paths of a database's write-ahead log and of the log's index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def create_private(path: Path) -> None:
    """Create an empty file that only its owner can read and write.

    Raises:
        FileExistsError: the file exists.
        OSError: the file cannot be created.

    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        if os.name == "posix":
            # The umask may have removed even the owner's permissions.
            os.fchmod(descriptor, PRIVATE)
    finally:
        os.close(descriptor)
