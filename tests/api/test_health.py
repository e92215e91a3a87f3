"""Health: what probes ask."""

import sqlite3

import httpx

from app.db.migrate import head_revision
from tests.support.problems import read_problem


async def test_all_is_well(client: httpx.AsyncClient) -> None:
    """A running service with its schema is up and ready."""
    for path in ("/healthz", "/readyz"):
        response = await client.get(path)

        assert 200 == response.status_code
        assert {"status": "ok"} == response.json()


async def test_schema_of_another_version(
    client: httpx.AsyncClient, rows: sqlite3.Connection
) -> None:
    """With another version's schema the service is up but not ready, until it is current again."""
    rows.execute("UPDATE alembic_version SET version_num = 'other'")
    rows.commit()
    outdated = await client.get("/readyz")
    alive = await client.get("/healthz")
    rows.execute("UPDATE alembic_version SET version_num = ?", [head_revision()])
    rows.commit()
    recovered = await client.get("/readyz")

    read_problem(outdated, 503, "schema_outdated")
    assert outdated.headers["Retry-After"].isdecimal()
    assert 200 == alive.status_code
    assert 200 == recovered.status_code


async def test_schema_without_a_version(
    client: httpx.AsyncClient, rows: sqlite3.Connection
) -> None:
    """A database that Alembic doesn't know isn't current."""
    rows.execute("ALTER TABLE alembic_version RENAME TO gone")
    rows.commit()
    outdated = await client.get("/readyz")
    rows.execute("ALTER TABLE gone RENAME TO alembic_version")
    rows.commit()
    recovered = await client.get("/readyz")

    read_problem(outdated, 503, "schema_outdated")
    assert 200 == recovered.status_code
