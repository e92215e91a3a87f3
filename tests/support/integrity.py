"""What must hold in any database of the service at any time."""

import sqlite3


def faults(rows: sqlite3.Connection) -> list[str]:
    """What is wrong with a database; nothing, if all is well."""
    checks = {
        "integrity_check": "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "foreign_key_check": "SELECT * FROM pragma_foreign_key_check",
        "lead without interaction": (
            "SELECT uuid FROM leads WHERE uuid NOT IN (SELECT lead_uuid FROM interactions)"
        ),
        "operator that the source does not have": (
            "SELECT i.id FROM interactions i LEFT JOIN source_operator_settings s"
            " ON s.source_id = i.source_id AND s.operator_id = i.operator_id AND s.weight > 0"
            " WHERE i.operator_id IS NOT NULL AND s.id IS NULL"
        ),
    }
    return [f"{name}: {row}" for name, query in checks.items() for row in rows.execute(query)]
