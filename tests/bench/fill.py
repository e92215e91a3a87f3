"""Fills databases of any size to measure on."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

from app.core.distribution import CandidateSnapshot
from app.db.candidates_column import encode
from app.db.migrate import upgrade
from app.db.sqlite import SQLite
from tests.support.rows import open_rows

PAYLOAD = {"channel": "telegram", "text": "Is the flat still free?"}
PAGE_ROWS = 5
"""Interactions of each lead, and of a page in the benchmark."""
WEIGHTS = (10, 30, 60)
DAYS = 1_000
"""Days that the interactions are spread over."""
SETTINGS = "INSERT INTO sources (id, description) VALUES (1, 'bench');" + "".join(
    f"INSERT INTO operators (id, name, active) VALUES ({number}, 'bench', true);"
    "INSERT INTO source_operator_settings (source_id, operator_id, weight)"
    f" VALUES (1, {number}, {weight});"
    for number, weight in enumerate(WEIGHTS, start=1)
)
LIMITS = "UPDATE sources SET enforce_load_limit = true; UPDATE operators SET load_limit = 1000000;"
"""Operators' loads are counted, and never reach their limits."""
_CHUNK = 50_000
_CANDIDATES = [
    CandidateSnapshot(number, weight, 0, None, None, None)
    for number, weight in enumerate(WEIGHTS, start=1)
]
_COUNTS = (
    "INSERT INTO daily_counts"
    " SELECT source_id, date(created_at), operator_id, count(*), 1000000000 * count(*), 0, 0"
    " FROM interactions GROUP BY source_id, date(created_at), operator_id"
)


def fill(path: Path, interactions: int, *, journal: str = "WAL") -> list[str]:
    """Create a database with this many interactions, in this journal mode.

    Returns:
        The UUIDs of at most a thousand of its leads, spread over all of them.

    """
    asyncio.run(upgrade(SQLite(path, readers=1)))
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("PRAGMA synchronous = OFF")
        rows.executescript(SETTINGS)
        leads = interactions // PAGE_ROWS
        for first in range(0, leads, _CHUNK):
            _fill_leads(rows, range(first, min(first + _CHUNK, leads)), leads)
            rows.commit()
        _fill_assignments(rows)
        rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows.execute(f"PRAGMA journal_mode = {journal}")
        every = max(1, leads // 1000)
        query = "SELECT lead_uuid FROM interactions WHERE id % ? = 1 LIMIT 1000"
        return [uuid for (uuid,) in rows.execute(query, [every * PAGE_ROWS])]


def fill_postgres(url: str, interactions: int) -> list[str]:
    """Insert this many interactions into an empty database on PostgreSQL, as `fill` does."""
    leads = interactions // PAGE_ROWS
    candidates = encode(_CANDIDATES).hex()
    day = f"timestamptz '2024-01-01 00:00:00.123456Z' + {DAYS} * lead / {leads} * interval '1 day'"
    with open_rows(url) as rows:
        rows.executescript(
            f"""
            {SETTINGS}
            INSERT INTO leads (uuid, email, created_at)
            SELECT md5(lead::text)::uuid, 'lead' || lead || '@example.com', {day}
            FROM generate_series(0, {leads - 1}) lead;
            INSERT INTO interactions
            (lead_uuid, source_id, operator_id, is_active, payload, created_at)
            SELECT md5(lead::text)::uuid, 1, 1 + (lead + turn) % {len(WEIGHTS)}, turn % 2 = 1,
            '{json.dumps(PAYLOAD)}', {day}
            FROM generate_series(0, {leads - 1}) lead, generate_series(0, {PAGE_ROWS - 1}) turn
            ORDER BY lead, turn;
            INSERT INTO assignments
            (interaction_id, operator_id, reason, strategy, candidates, created_at)
            SELECT id, operator_id, 'selected', 'smooth', '\\x{candidates}', created_at
            FROM interactions;
            {_COUNTS};
            """  # all values are the benchmark's own
        )
        # As autovacuum does in time.
        rows.execute("VACUUM ANALYZE")
        every = max(1, leads // 1000)
        return [
            uuid
            for (uuid,) in rows.execute(
                f"SELECT lead_uuid FROM interactions WHERE id % {every * PAGE_ROWS} = 1 LIMIT 1000"
            )
        ]


def _fill_leads(rows: sqlite3.Connection, numbers: range, leads: int) -> None:
    uuids = {number: uuid4().hex for number in numbers}

    def time(number: int) -> str:
        return f"{date(2024, 1, 1) + timedelta(number * DAYS // leads)} 00:00:00.123456"

    rows.executemany(
        "INSERT INTO leads (uuid, email, created_at) VALUES (?, ?, ?)",
        ((uuid, f"lead{number}@example.com", time(number)) for number, uuid in uuids.items()),
    )

    def interactions() -> Iterator[tuple[object, ...]]:
        for number, uuid in uuids.items():
            for turn in range(PAGE_ROWS):
                operator_id = 1 + (number + turn) % len(WEIGHTS)
                yield uuid, operator_id, turn % 2, json.dumps(PAYLOAD), time(number)

    rows.executemany(
        "INSERT INTO interactions (lead_uuid, source_id, operator_id, is_active, payload,"
        " created_at) VALUES (?, 1, ?, ?, ?, ?)",
        interactions(),
    )


def _fill_assignments(rows: sqlite3.Connection) -> None:
    """Insert the assignment of each interaction, and the counts of each day."""
    rows.execute(
        "INSERT INTO assignments"
        " (interaction_id, operator_id, reason, strategy, candidates, created_at)"
        " SELECT id, operator_id, 'selected', 'smooth', ?, created_at FROM interactions",
        [encode(_CANDIDATES)],
    )
    rows.execute(_COUNTS)
    rows.commit()
