"""File descriptors: how many the process may have, where the system says so."""

import sys
from errno import EMFILE, ENFILE

_KEPT = 200
"""Descriptors for what is no connection: the database with up to 64 readers, the log, modules."""


def allow_all_descriptors() -> None:
    """Raise the limit of this process and of those it starts as far as it may by itself."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # POSIX has it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        # macOS names a hard limit that it does not grant; what was allowed is allowed still.
        return


def descriptors_for_connections() -> int | None:
    """How many connections the descriptors allow; None where they have no limit."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  # POSIX has it

    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    return max(1, soft - min(_KEPT, soft // 2))


def is_out_of_descriptors(error: BaseException) -> bool:
    """Whether something could not be opened as there are too many open files."""
    return isinstance(error, OSError) and error.errno in (EMFILE, ENFILE)
