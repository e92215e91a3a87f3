"""The limit on file descriptors, on systems that have one."""

import sys
from errno import EMFILE, ENFILE

_RESERVED = 200
"""Descriptors reserved for the database with up to 64 readers, the log and modules."""


def allow_all_descriptors() -> None:
    """Raise the soft limit of this process and its children to the hard limit."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # POSIX only

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        # macOS reports a hard limit that it does not grant; the soft limit is unchanged.
        return


def descriptors_for_connections() -> int | None:
    """How many connections the limit allows; None if there is no limit."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  # POSIX only

    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    return max(1, soft - min(_RESERVED, soft // 2))


def is_out_of_descriptors(error: BaseException) -> bool:
    """Whether an error means that too many files are open."""
    return isinstance(error, OSError) and error.errno in (EMFILE, ENFILE)
