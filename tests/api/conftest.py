"""The scene that refused requests leave untouched."""

import logging
import sqlite3
from collections.abc import Iterator

import pytest

CANARY = "canary7f3a"
"""Sent in every value; must turn up in no answer and no log."""

_SCENE = """
INSERT INTO operators (id, name, active) VALUES (1, 'Maria', 1), (2, 'Ivan', 1);
INSERT INTO sources (id, description) VALUES (1, 'bot');
INSERT INTO source_operator_settings (source_id, operator_id, weight) VALUES (1, 1, 3), (1, 2, 1);
INSERT INTO leads (uuid, email, created_at)
VALUES ('11111111111111111111111111111111', 'known@example.com', '2026-01-02 03:04:05.000006');
INSERT INTO interactions (id, lead_uuid, source_id, operator_id, is_active, created_at)
VALUES (1, '11111111111111111111111111111111', 1, 1, 1, '2026-01-02 03:04:05.000006');
"""


@pytest.fixture
def scene(rows: sqlite3.Connection) -> None:
    """Operators 1 and 2, source 1 that both answer for, a lead, interaction 1."""
    rows.executescript(_SCENE)


@pytest.fixture
def unharmed(
    scene: None,
    rows: sqlite3.Connection,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[None]:
    """The scene; in the end nothing has been written, and nothing logged but plain warnings."""
    before = list(rows.iterdump())
    yield

    assert before == list(rows.iterdump())
    for record in caplog.get_records("call"):
        assert CANARY not in record.getMessage()
        assert record.exc_info is None
        assert record.levelno <= logging.WARNING
