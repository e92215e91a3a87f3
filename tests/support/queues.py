"""Queues of thousands, written straight into a database, and in what order they went out."""

import sqlite3
from typing import Any

_LEAD = "22222222222222222222222222222222"
_NOW = "2026-01-02 03:04:05.000006"


def queue_up(rows: sqlite3.Connection, count: int, *source_ids: int) -> list[int]:
    """Let so many interactions wait, of these sources in turn; their ids, oldest first."""
    first = 1 + _one(rows, "SELECT coalesce(max(id), 0) FROM interactions")
    ids = list(range(first, first + count))
    rows.execute(
        "INSERT OR IGNORE INTO leads (uuid, email, created_at) VALUES (?, 'many@example.com', ?)",
        (_LEAD, _NOW),
    )
    rows.executemany(
        "INSERT INTO interactions (id, lead_uuid, source_id, is_active, created_at)"
        " VALUES (?, ?, ?, 1, ?)",
        [(id, _LEAD, source_ids[id % len(source_ids)], _NOW) for id in ids],
    )
    rows.commit()
    return ids


def given_out(rows: sqlite3.Connection) -> list[int]:
    """The interactions that went to somebody, in the order in which they did."""
    return _column(
        rows, "SELECT interaction_id FROM assignments WHERE operator_id IS NOT NULL ORDER BY id"
    )


def still_waiting(rows: sqlite3.Connection) -> list[int]:
    """The interactions that wait, oldest first."""
    return _column(
        rows, "SELECT id FROM interactions WHERE is_active AND operator_id IS NULL ORDER BY id"
    )


def _column(rows: sqlite3.Connection, query: str) -> list[int]:
    return [id for (id,) in rows.execute(query)]


def _one(rows: sqlite3.Connection, query: str) -> Any:
    [(value,)] = rows.execute(query)
    return value
