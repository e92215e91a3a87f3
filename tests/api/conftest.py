"""The data that refused requests must leave unchanged."""

import logging
from collections.abc import Iterator

import pytest

from tests.support.rows import Rows

CANARY = "canary7f3a"
"""Sent in every value; must appear in no response and no log."""

_SCENE = """
INSERT INTO operators (id, name, active) VALUES (1, 'Maria', TRUE), (2, 'Ivan', TRUE);
INSERT INTO sources (id, description) VALUES (1, 'bot');
INSERT INTO source_operator_settings (source_id, operator_id, weight) VALUES (1, 1, 3), (1, 2, 1);
INSERT INTO leads (uuid, email, created_at)
VALUES ('11111111111111111111111111111111', 'known@example.com', '2026-01-02 03:04:05.000006');
INSERT INTO interactions (id, lead_uuid, source_id, operator_id, is_active, created_at)
VALUES (1, '11111111111111111111111111111111', 1, 1, TRUE, '2026-01-02 03:04:05.000006');
"""


@pytest.fixture
def scene(rows: Rows) -> None:
    """Operators 1 and 2, source 1 with both in its rotation, a lead, interaction 1."""
    rows.executescript(_SCENE)


@pytest.fixture
def unharmed(
    scene: None,
    rows: Rows,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[None]:
    """The scene; fails the test if the service wrote to the database or logged an error."""
    before = rows.dump()
    yield

    assert before == rows.dump()
    for record in caplog.get_records("call"):
        assert CANARY not in record.getMessage()
        assert record.exc_info is None
        assert record.levelno <= logging.WARNING
