"""Inserts queues of thousands into a database, and reads the order of their assignment."""

from typing import Any

from tests.support.rows import Rows

_LEAD = "22222222222222222222222222222222"
_NOW = "2026-01-02 03:04:05.000006"


def queue_up(rows: Rows, count: int, *source_ids: int) -> list[int]:
    """Insert waiting interactions of these sources in turn; returns their ids, oldest first."""
    first = 1 + _value(rows, "SELECT coalesce(max(id), 0) FROM interactions")
    rows.execute(
        "INSERT INTO leads (uuid, email, created_at) VALUES (?, 'many@example.com', ?)"
        " ON CONFLICT DO NOTHING",
        (_LEAD, _NOW),
    )
    for turn, source_id in enumerate(source_ids):
        rows.executescript(
            f"""
            WITH RECURSIVE numbers (id) AS
            (SELECT {first} UNION ALL SELECT id + 1 FROM numbers WHERE id < {first + count - 1})
            INSERT INTO interactions (id, lead_uuid, source_id, is_active, created_at)
            SELECT id, '{_LEAD}', {source_id}, TRUE, '{_NOW}' FROM numbers
            WHERE id % {len(source_ids)} = {turn}
            """
        )
    return list(range(first, first + count))


def given_out(rows: Rows) -> list[int]:
    """The interactions that were assigned to an operator, in the order of assignment."""
    return _column(
        rows, "SELECT interaction_id FROM assignments WHERE operator_id IS NOT NULL ORDER BY id"
    )


def still_waiting(rows: Rows) -> list[int]:
    """The interactions that wait, oldest first."""
    return _column(
        rows, "SELECT id FROM interactions WHERE is_active AND operator_id IS NULL ORDER BY id"
    )


def _column(rows: Rows, query: str) -> list[int]:
    return [id for (id,) in rows.execute(query)]


def _value(rows: Rows, query: str) -> Any:
    [(value,)] = rows.execute(query)
    return value
