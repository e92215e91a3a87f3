"""Processes of the service on a PostgreSQL server for these tests, and clients of them."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.faults.history import History
from tests.support.postgres import PostgresDatabases, PostgresServer, running_server
from tests.support.rows import Rows, open_rows
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
    with running_server(track_commit_timestamp="on") as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Iterator[PostgresDatabases]:
    """The databases on that server."""
    with PostgresDatabases(postgres_server.url()) as databases:
        yield databases


@pytest.fixture
def url(databases: PostgresDatabases) -> Iterator[str]:
    """An empty database for the test; every commit is synced."""
    with databases.fresh() as url, databases.synced():
        yield url


@pytest.fixture
def rows(url: str) -> Iterator[Rows]:
    """A separate connection, which sees committed rows."""
    with open_rows(url) as rows:
        yield rows


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """An empty history."""
    with closing(History(tmp_path / "history.jsonl")) as history:
        yield history


@pytest.fixture
async def workers(url: str, tmp_path: Path) -> AsyncIterator[Workers]:
    """Four processes, all ready; they are killed after the test if they still run."""
    workers = Workers(url, tmp_path / "service.log", WORKERS)
    try:
        await workers.start()
        yield workers
    finally:
        workers.kill()


@pytest.fixture
async def clients(workers: Workers) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client for each process, with enough connections for the bots."""
    async with workers.clients(connections=12) as clients:
        yield clients
