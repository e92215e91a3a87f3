"""An unreadable row is one error, and no list fails for it."""

import logging

import httpx
import pytest

from tests.support.api import Api
from tests.support.kinds import only_sqlite
from tests.support.problems import read_problem
from tests.support.rows import Rows


@only_sqlite
@pytest.mark.parametrize(
    "damage",
    [
        "payload = CAST(x'2263616e6172ff22' AS TEXT)",
        "created_at = 'canary'",
        "lead_uuid = 'canary'",
        "closed_at = x'ff'",
    ],
)
async def test_unreadable_row_is_left_out(
    damage: str, client: httpx.AsyncClient, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """Lists omit it, to the last page; the log has its id; a request for it alone is a 500."""
    caplog.set_level(logging.ERROR)
    api = Api(client)
    source = await api.create_source()
    ids = [(await api.post(source))["id"] for _ in range(6)]
    rows.execute("PRAGMA foreign_keys = OFF")
    rows.execute(f"UPDATE interactions SET {damage} WHERE id IN (?, ?)", ids[1:3])
    seen, path = [], "/interactions?limit=2"
    while path:
        answer = await client.get(path)
        assert 200 == answer.status_code
        seen += [row["id"] for row in answer.json()]
        path = answer.links.get("next", {}).get("url", "")
    alone = await client.get(f"/interactions/{ids[1]}")

    assert [ids[0], *ids[3:]] == seen
    assert f"row {ids[1]} of interactions cannot be read" in caplog.text
    assert "canary" not in "".join(record.getMessage() for record in caplog.records)
    read_problem(alone, 500, "internal_error")


@only_sqlite
async def test_lead_with_unreadable_interactions(
    api: Api, client: httpx.AsyncClient, rows: Rows
) -> None:
    """The lead is found, and its list is empty."""
    interaction = await api.post(await api.create_source())
    rows.execute("UPDATE interactions SET created_at = 'canary'")
    answer = await client.get(f"/leads/{interaction['lead_uuid']}/interactions")

    assert 200 == answer.status_code
    assert [] == answer.json()
