"""Processes of the service on a PostgreSQL server for these tests, and clients of them."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.faults.history import History
from tests.support.postgres import PostgresDatabases, PostgresServer, running_server
from tests.support.rows import TABLES, Rows, open_rows
from tests.workers.processes import Workers

WORKERS = 4


@pytest.fixture(autouse=True)
def only_on_linux() -> None:
    """Skip the tests where processes cannot be identified."""
    if sys.platform != "linux":
        pytest.skip("processes are found in /proc, which only Linux has")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server that records when each row was committed."""
    with running_server(track_commit_timestamp="on", fsync="on") as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Iterator[PostgresDatabases]:
    """The databases on that server."""
    with PostgresDatabases(postgres_server.url()) as databases:
        yield databases


@pytest.fixture(scope="session")
def shared_workers(
    databases: PostgresDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    """Four processes for all tests, as their start takes longer than most tests."""
    with databases.fresh() as url:
        workers = Workers(url, tmp_path_factory.mktemp("workers") / "service.log", WORKERS)
        yield workers
        workers.kill()


@pytest.fixture
async def workers(shared_workers: Workers) -> Workers:
    """Four processes, all ready, with an empty log, on a database without rows."""
    await shared_workers.start_again()
    with open_rows(shared_workers.database_url) as rows:
        for table in reversed(TABLES):
            rows.execute(f"DELETE FROM {table}")
    return shared_workers


@pytest.fixture
def rows(workers: Workers) -> Iterator[Rows]:
    """A separate connection, which sees committed rows."""
    with open_rows(workers.database_url) as rows:
        yield rows


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """An empty history."""
    with closing(History(tmp_path / "history.jsonl")) as history:
        yield history


@pytest.fixture
async def clients(workers: Workers) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client for each process, with enough connections for the bots."""
    async with workers.clients(connections=12) as clients:
        yield clients
