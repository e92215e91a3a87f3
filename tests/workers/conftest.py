"""Processes of the service on a PostgreSQL of the tests' own, and what they are met with."""

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
def only_where_processes_are_found() -> None:
    """Skip where processes cannot be told from each other."""
    if sys.platform != "linux":
        pytest.skip("the processes are found in Linux's own way")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server that knows when each row was committed."""
    with running_server(track_commit_timestamp="on") as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Iterator[PostgresDatabases]:
    """The databases on it."""
    with PostgresDatabases(postgres_server.url()) as databases:
        yield databases


@pytest.fixture
def url(databases: PostgresDatabases) -> Iterator[str]:
    """An empty database of the test's own, every commit of which is synced."""
    with databases.fresh() as url, databases.synced():
        yield url


@pytest.fixture
def rows(url: str) -> Iterator[Rows]:
    """A plain connection that sees what is committed."""
    with open_rows(url) as rows:
        yield rows


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """An empty history."""
    with closing(History(tmp_path / "history.jsonl")) as history:
        yield history


@pytest.fixture
async def workers(url: str, tmp_path: Path) -> AsyncIterator[Workers]:
    """Four processes, all ready; what still runs in the end is killed."""
    workers = Workers(url, tmp_path / "service.log", WORKERS)
    try:
        await workers.start()
        yield workers
    finally:
        workers.kill()


@pytest.fixture
async def clients(workers: Workers) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client for each of them, with as many connections as bots may need."""
    async with workers.clients(connections=12) as clients:
        yield clients
