"""Invariants of the database, for tests without manual assignments and tightened rules."""

from tests.support.rows import Rows


def faults(rows: Rows) -> list[str]:
    """The corruption and the violated invariants found in a database."""
    checks = {
        "lead without interaction": (
            "SELECT uuid FROM leads WHERE uuid NOT IN (SELECT lead_uuid FROM interactions)"
        ),
        "operator that the source does not have": (
            "SELECT i.id FROM interactions i LEFT JOIN source_operator_settings s"
            " ON s.source_id = i.source_id AND s.operator_id = i.operator_id AND s.weight > 0"
            " WHERE i.operator_id IS NOT NULL AND s.id IS NULL"
        ),
        "interaction without assignment": (
            "SELECT id FROM interactions WHERE id NOT IN (SELECT interaction_id FROM assignments)"
        ),
        "interaction whose last assignment has another operator": (
            "SELECT i.id FROM interactions i JOIN assignments a"
            " ON a.id = (SELECT max(id) FROM assignments WHERE interaction_id = i.id)"
            " WHERE coalesce(a.operator_id, 0) <> coalesce(i.operator_id, 0)"
        ),
        "day with a wrong count": (
            "SELECT source_id, day, operator_id, sum(difference) FROM ("
            " SELECT source_id, day, operator_id, interactions AS difference FROM daily_counts"
            " UNION ALL SELECT source_id, date(created_at), operator_id, -1 FROM interactions"
            " WHERE operator_id IS NOT NULL"
            ") AS differences GROUP BY source_id, day, operator_id HAVING sum(difference) <> 0"
        ),
        "credits that do not sum to zero": (
            "SELECT source_id, sum(credit) FROM source_operator_settings"
            " GROUP BY source_id HAVING sum(credit) <> 0"
        ),
        "day whose targets do not sum to its assigned interactions": (
            "SELECT source_id, day, sum(target), sum(interactions) FROM daily_counts"
            " GROUP BY source_id, day HAVING sum(target) <> 1000000000 * sum(interactions)"
        ),
        "operator over its limit": (
            "SELECT o.id, count(*) FROM interactions i"
            " JOIN sources s ON s.id = i.source_id AND s.enforce_load_limit"
            " JOIN operators o ON o.id = i.operator_id"
            " WHERE i.is_active GROUP BY o.id HAVING count(*) > o.load_limit"
        ),
    }
    found = [f"{name}: {row}" for name, query in checks.items() for row in rows.execute(query)]
    return rows.damage() + found
