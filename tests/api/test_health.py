"""Health checks, as probes request them."""

import sys
from pathlib import Path

import httpx
import pytest

from app.core.config import Settings
from app.db.migrate import head_revision
from app.main import create_app
from tests.support.kinds import only_sqlite
from tests.support.problems import read_problem
from tests.support.rows import Rows


async def test_healthy_service(client: httpx.AsyncClient) -> None:
    """A running service with a current schema is up and ready."""
    for path in ("/healthz", "/readyz"):
        response = await client.get(path)

        assert 200 == response.status_code
        assert {"status": "ok"} == response.json()


async def test_schema_of_another_version(client: httpx.AsyncClient, rows: Rows) -> None:
    """The service is up but not ready, until the schema is current again."""
    rows.execute("UPDATE alembic_version SET version_num = 'other'")
    outdated = await client.get("/readyz")
    alive = await client.get("/healthz")
    rows.execute("UPDATE alembic_version SET version_num = ?", [head_revision()])
    recovered = await client.get("/readyz")

    read_problem(outdated, 503, "schema_outdated")
    assert outdated.headers["Retry-After"].isdecimal()
    assert 200 == alive.status_code
    assert 200 == recovered.status_code


async def test_schema_without_a_version(client: httpx.AsyncClient, rows: Rows) -> None:
    """A database without an Alembic version is not current."""
    rows.execute("ALTER TABLE alembic_version RENAME TO gone")
    outdated = await client.get("/readyz")
    rows.execute("ALTER TABLE gone RENAME TO alembic_version")
    recovered = await client.get("/readyz")

    read_problem(outdated, 503, "schema_outdated")
    assert 200 == recovered.status_code


@only_sqlite
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot move an open file")
async def test_database_file_that_was_moved(
    client: httpx.AsyncClient, rows: Rows, database_path: Path
) -> None:
    """What is written to a moved file would be lost."""
    elsewhere = database_path.rename(database_path.with_name("elsewhere.db"))
    unavailable = await client.get("/readyz")
    alive = await client.get("/healthz")
    elsewhere.rename(database_path)
    recovered = await client.get("/readyz")

    read_problem(unavailable, 503, "database_unavailable")
    assert 200 == alive.status_code
    assert 200 == recovered.status_code


@pytest.mark.timeouts
@only_sqlite
@pytest.mark.heavy
async def test_database_that_does_not_answer(settings: Settings) -> None:
    """While every reading connection is in use the service is not ready."""
    app = create_app(settings.model_copy(update={"database_readers": 1}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        async with app.state.database.reading() as session:
            await session.connection()
            busy = await client.get("/readyz")
            metrics = await client.get("/metrics")
        recovered = await client.get("/readyz")

    read_problem(busy, 503, "database_unavailable")
    assert "database_up 0.0\n" in metrics.text
    assert 200 == recovered.status_code
