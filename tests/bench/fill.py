"""Databases of any size to measure on."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from app.db.migrate import upgrade
from app.db.sqlite import SQLite

PAYLOAD = {"channel": "telegram", "text": "Is the flat still free?"}
PAGE_ROWS = 5
"""Interactions of each lead, as many as a page of the benchmark shows."""
WEIGHTS = (10, 30, 60)
_CHUNK = 50_000


def fill(path: Path, interactions: int, *, journal: str = "WAL", limits: bool = False) -> list[str]:
    """Make a database with this many interactions, in this journal mode.

    With `limits` the source counts what its operators have at hand, and never finds it too much.

    Returns:
        The UUIDs of at most a thousand of its leads, spread over all of them.

    """
    asyncio.run(upgrade(SQLite(path, readers=1)))
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("PRAGMA synchronous = OFF")
        _fill_settings(rows)
        if limits:
            rows.execute("UPDATE sources SET enforce_load_limit = 1")
            rows.execute("UPDATE operators SET load_limit = 1000000")
            rows.commit()
        leads = interactions // PAGE_ROWS
        for first in range(0, leads, _CHUNK):
            _fill_leads(rows, range(first, min(first + _CHUNK, leads)))
            rows.commit()
        rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows.execute(f"PRAGMA journal_mode = {journal}")
        every = max(1, leads // 1000)
        query = "SELECT lead_uuid FROM interactions WHERE id % ? = 1 LIMIT 1000"
        return [uuid for (uuid,) in rows.execute(query, [every * PAGE_ROWS])]


def _fill_settings(rows: sqlite3.Connection) -> None:
    rows.execute("INSERT INTO sources (id, description) VALUES (1, 'bench')")
    for number, weight in enumerate(WEIGHTS, start=1):
        rows.execute("INSERT INTO operators (id, name, active) VALUES (?, 'bench', 1)", [number])
        rows.execute(
            "INSERT INTO source_operator_settings (source_id, operator_id, weight)"
            " VALUES (1, ?, ?)",
            [number, weight],
        )
    rows.commit()


def _fill_leads(rows: sqlite3.Connection, numbers: range) -> None:
    now = "2026-01-01 00:00:00.123456"
    uuids = {number: uuid4().hex for number in numbers}
    rows.executemany(
        "INSERT INTO leads (uuid, email, created_at) VALUES (?, ?, ?)",
        ((uuid, f"lead{number}@example.com", now) for number, uuid in uuids.items()),
    )

    def interactions() -> Iterator[tuple[object, ...]]:
        for number, uuid in uuids.items():
            for turn in range(PAGE_ROWS):
                yield uuid, 1 + (number + turn) % len(WEIGHTS), turn % 2, json.dumps(PAYLOAD), now

    rows.executemany(
        "INSERT INTO interactions (lead_uuid, source_id, operator_id, is_active, payload,"
        " created_at) VALUES (?, 1, ?, ?, ?, ?)",
        interactions(),
    )
