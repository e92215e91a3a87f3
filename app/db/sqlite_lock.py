"""Locks a SQLite file against all other server processes, by whatever path they open it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from app.core.errors import StartupError

if sys.platform == "linux":
    import fcntl

Identity = tuple[int, int]
"""A file's device and inode numbers, which are the same under all of its names."""

_held: set[Identity] = set()
"""The files that this process has locked; it must not even open them a second time."""


@contextmanager
def name_locked(path: Path) -> Iterator[None]:
    """Lock the name of a file, which need not exist, until the block ends.

    Two processes that both checkpoint can corrupt the database (the WAL-reset bug of SQLite before
    3.51.3), and requests would not be written in order of arrival.

    Raises:
        StartupError: another process holds the lock, or the folder cannot be used.

    """
    if not path.parent.is_dir():
        # The lock would create the folder, so a mistyped path would silently create a database.
        raise StartupError(f"The folder {path.parent} of the database does not exist.")
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _already_served(path) from None
    except OSError as error:
        raise StartupError(
            f"The folder of the database {path.name} cannot be used: {error.strerror}."
        ) from None
    try:
        _give_to_owner(Path(lock.lock_file), path)
        yield
    finally:
        lock.release()


@contextmanager
def identity_locked(path: Path) -> Iterator[None]:
    """Lock a file under all of its names until the block ends; for use within `name_locked`.

    Opening and closing a file drops all locks that SQLite holds on it in the same process (its "How
    to corrupt an SQLite database file", 2.2). So the block begins before SQLite's first connection
    and ends after its last one. On Linux this lock is independent of SQLite's own; on other systems
    the two conflict, so only the name is locked.

    Raises:
        StartupError: another process holds the lock, or the file cannot be opened.

    """
    if sys.platform != "linux":
        yield
        return
    identity = identity_of(path)
    if identity in _held:
        raise _already_served(path)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise StartupError(
            f"The database {path.name} cannot be opened: {error.strerror}."
        ) from None
    try:
        _lock(descriptor, path)
        held = os.fstat(descriptor)
        identity = held.st_dev, held.st_ino
        _held.add(identity)
        yield
    finally:
        _held.discard(identity)
        os.close(descriptor)


def identity_of(path: Path) -> Identity | None:
    """The identity of the file at a path; None if there is none, or it is not accessible."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _give_to_owner(lock: Path, path: Path) -> None:
    """Give root's lock file to the owner of the database, so that the service can lock it."""
    if os.name == "posix" and os.geteuid() == 0 and path.exists():
        owner = path.stat()
        with suppress(OSError):
            os.chown(lock, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _already_served(path) from None
    except OSError as error:
        raise StartupError(
            f"The database {path.name} cannot be locked: {error.strerror}."
        ) from None


def _already_served(path: Path) -> StartupError:
    return StartupError(f"Another process already serves the database {path.name}.")
