"""Disks on which there is no room, until there is again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

if sys.platform == "linux":
    import resource


class LimitedDisk:
    """A disk on which the kernel lets the process write only the first part of each file.

    However large the log has grown, the next of a few dozen pages does not fit: one that is begun
    anew would otherwise have all the room it once had. SQLite hears EFBIG, not ENOSPC, and takes
    it for an error of the disk.
    """

    code = "database_unavailable"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        """Leave next to no room to the process."""
        self._limit(pid, 200_000)

    def make_room(self, pid: int) -> None:
        """Leave plenty to the process."""
        self._limit(pid, resource.RLIM_INFINITY)

    def _limit(self, pid: int, size: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class SmallDisk:
    """A file system of its own, of 32 megabytes, which something else takes up."""

    code = "storage_full"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, _pid: int) -> None:
        """Leave no room to anyone."""
        with self._filler.open("wb", buffering=0) as filler:
            while _has_room(filler.fileno()):
                pass

    def make_room(self, _pid: int) -> None:
        """Leave plenty to everyone."""
        self._filler.unlink()


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small file system in memory at this folder."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def can_mount() -> bool:
    """Whether this user may mount; in containers even root often may not."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with TemporaryDirectory() as folder:
        try:
            with mounted(Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def _has_room(file: int) -> bool:
    try:
        return os.write(file, bytes(4096)) == 4096
    except OSError:
        return False
