"""The service's timeouts, which a busy machine may exceed."""

import pytest

from app.db import group_commit, group_read, postgres, sqlite, sqlite_writer
from app.services import preview

_TIMEOUTS = (
    (group_commit, "ANSWER_TIMEOUT"),
    (group_read, "TURN_TIMEOUT"),
    (postgres, "LOCK_TIMEOUT"),
    (postgres, "SESSION_TIMEOUT"),
    (preview, "TURN_TIMEOUT"),
    (sqlite, "TURN_TIMEOUT"),
    (sqlite_writer, "TURN_TIMEOUT"),
)


def extend_timeouts(patch: pytest.MonkeyPatch) -> None:
    """Set those that end a request to a minute."""
    for module, name in _TIMEOUTS:
        patch.setattr(module, name, 60)
