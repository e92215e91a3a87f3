"""Checks whether a SQLite file has only the service's own objects."""

import sqlite3

TABLES = frozenset(
    {
        "alembic_version",
        "assignments",
        "daily_counts",
        "idempotency_keys",
        "interactions",
        "leads",
        "operators",
        "source_operator_settings",
        "sources",
    }
)
"""The tables of this version and of earlier versions."""
_NAMED = 5
"""The number of foreign objects that a message names."""


def foreign_objects(connection: sqlite3.Connection) -> str | None:
    """The triggers, views, tables and indexes that are not the service's; None if there are none.

    Triggers and views of other programs would run within the service's own statements.
    """
    found = [
        f"{type} {name!r}"
        for type, name, table in connection.execute(
            "SELECT type, name, tbl_name FROM sqlite_schema ORDER BY rowid"
        )
        if not _is_ours(type, name, table)
    ]
    if not found:
        return None
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{', '.join(found[:_NAMED])}{more}"


def stored_revision(connection: sqlite3.Connection) -> str | None:
    """The revision of the database's schema; None if it has no schema of the service."""
    try:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    return found and str(found[0])


def _is_ours(type: str, name: str, table: str) -> bool:
    if name.startswith("sqlite_"):
        # Only SQLite itself can create these.
        return True
    match type:
        case "table":
            return name in TABLES
        case "index":
            return table in TABLES and name.startswith(f"ix_{table}_")
        case _:
            return False
