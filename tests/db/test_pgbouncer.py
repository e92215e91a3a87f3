"""A real PgBouncer in front of PostgreSQL: session pooling works, other modes are refused."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it comes without types
import httpx
import pytest

from app.core.config import Settings
from app.core.errors import MaintenanceError, StartupError
from app.db.database import Database
from app.main import create_app
from app.maintenance.copy import copy_database
from tests.support.api import Api
from tests.support.command import PYTHON_APP, read_until, run_command, running_command
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import PostgresDatabases
from tests.support.rows import open_rows

by_transaction = pytest.mark.parametrize(
    "settings",
    [{}, {"server_round_robin": "1"}, {"default_pool_size": "1"}],
    ids=["lifo", "round robin", "one session"],
)


@pytest.fixture
def postgres_url(postgres: PostgresDatabases) -> Iterator[str]:
    """A database without tables, for this test only."""
    with postgres.empty() as url:
        yield url


@pytest.fixture
def pooled_url(postgres_url: str) -> Iterator[str]:
    """The URL of that database through a PgBouncer in session mode."""
    with running_pgbouncer(postgres_url, "session") as url:
        yield url


async def start_and_stop(url: str) -> None:
    """Open and close the database, as each process of the service does."""
    async with Database(url).serving():
        pass


async def test_session_pooling_works(pooled_url: str) -> None:
    """Concurrent requests get the same results as without PgBouncer."""
    app = create_app(Settings(_env_file=None, database_url=pooled_url))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        api = Api(client)
        operators = [await api.create_operator(name, load_limit=20) for name in ("Maria", "Ivan")]
        source = await api.create_source(dict.fromkeys(operators, 1), enforce_load_limit=True)
        posted = await asyncio.gather(*(api.post(source) for _ in range(50)))
        for interaction in posted[:10]:
            if interaction["operator_id"] is not None:
                await api.close(interaction["id"])

        assert 1 == len({interaction["lead_uuid"] for interaction in posted})
        assert 40 == len([row for row in await api.list_active() if row["operator_id"]])


@by_transaction
async def test_transaction_pooling_is_refused(postgres_url: str, settings: dict[str, str]) -> None:
    """Each start fails with one line, and leaves no settings in sessions that are shared."""
    with running_pgbouncer(postgres_url, "transaction", **settings) as url:
        for _ in range(5):
            with pytest.raises(StartupError, match="pool_mode = session"):
                await start_and_stop(url)
        with pytest.raises(MaintenanceError, match="pool_mode = session"):
            await copy_database(url, url)
        connection = await asyncpg.connect(url, statement_cache_size=0)
        async with connection.transaction():
            for name in ("enable_seqscan", "default_transaction_read_only"):
                current = "SELECT setting = reset_val FROM pg_settings WHERE name = $1"
                assert await connection.fetchval(current, name)
            prepared = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"
            assert 0 == await connection.fetchval(prepared)
        await connection.close()


async def test_statement_pooling_is_refused(postgres_url: str) -> None:
    """The error is PgBouncer's own."""
    with (
        running_pgbouncer(postgres_url, "statement") as url,
        pytest.raises(StartupError, match="not allowed in statement pooling mode"),
    ):
        await start_and_stop(url)


@pytest.mark.heavy
async def test_pool_of_one_session_is_refused(postgres_url: str) -> None:
    """The error names the setting to raise."""
    with (
        running_pgbouncer(postgres_url, "session", default_pool_size="1") as url,
        pytest.raises(StartupError, match="raise default_pool_size"),
    ):
        await start_and_stop(url)


async def test_refusal_by_pgbouncer_is_one_line(pooled_url: str) -> None:
    """The error names the option of the URL that PgBouncer does not support."""
    with pytest.raises(StartupError, match="unsupported startup parameter: options") as refused:
        await start_and_stop(f"{pooled_url}?options=-cwork_mem%3D5MB")

    assert "\n" not in str(refused.value)


@pytest.mark.heavy
def test_commands_through_pgbouncer(pooled_url: str, postgres_url: str, tmp_path: Path) -> None:
    """`migrate`, `serve --workers` and `copy` succeed."""
    migrated = run_command(*PYTHON_APP, "migrate", folder=tmp_path, DATABASE_URL=pooled_url)
    assert 0 == migrated.returncode, migrated.stderr
    serve = (*PYTHON_APP, "serve", "--workers", "2", "--port", "0")
    with running_command(*serve, folder=tmp_path, DATABASE_URL=pooled_url) as process:
        url = read_until(process, "Serving on").split("Serving on ")[1].split(",")[0]
        source = httpx.post(f"{url}/sources", json={"description": "bot"}, timeout=60).json()
        body = {"email": "lead@example.com", "source_id": source["id"]}
        answer = httpx.post(f"{url}/interaction", json=body, timeout=60)
        process.terminate()
        process.wait(30)
    copied = run_command(
        *(*PYTHON_APP, "copy", "--from", pooled_url, "--to", "sqlite:///copy.db"), folder=tmp_path
    )

    assert 201 == answer.status_code
    assert "read back and verified" in copied.stdout
    with open_rows(postgres_url) as rows:
        assert [(1,)] == rows.execute("SELECT count(*) FROM interactions")
