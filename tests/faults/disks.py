"""Disks that tests can fill and free again."""

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
    """A disk on which the kernel limits the size of each file that the process writes.

    The limit is a few dozen pages: with a larger one, a write-ahead log that restarts would have
    the space that it used before. SQLite gets EFBIG, not ENOSPC, and reports an error of the disk.
    """

    code = "database_unavailable"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        """Let the process write 200 kB of each file."""
        self._limit(pid, 200_000)

    def free(self, pid: int) -> None:
        """Remove the limit of the process."""
        self._limit(pid, resource.RLIM_INFINITY)

    def _limit(self, pid: int, size: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class SmallDisk:
    """A separate file system of 32 megabytes, which another file fills."""

    code = "storage_full"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, _pid: int) -> None:
        """Fill the file system."""
        with self._filler.open("wb", buffering=0) as filler:
            while _has_space(filler.fileno()):
                pass

    def free(self, _pid: int) -> None:
        """Free the file system."""
        self._filler.unlink()


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Mount a small file system in memory at this folder."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def can_mount() -> bool:
    """Whether this user may mount file systems; in containers, root often may not."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with TemporaryDirectory() as folder:
        try:
            with mounted(Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def _has_space(file: int) -> bool:
    try:
        return os.write(file, bytes(4096)) == 4096
    except OSError:
        return False
