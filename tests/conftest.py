"""Fixtures for every test: a migrated database of its own, the application on it, a client."""

import asyncio
import gc
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from itertools import count
from pathlib import Path

import aiosqlite
import httpx
import pytest

from app.core.config import Settings
from app.db import sqlite
from app.db.database import Database
from app.db.migrate import upgrade
from app.db.sqlite import SQLite
from tests.support.api import Api
from tests.support.application import application
from tests.support.kinds import BOTH_WAYS, POSTGRES_IS_HEAVY, empty_database
from tests.support.postgres import PostgresDatabases, PostgresServer, running_server
from tests.support.rows import Rows, open_rows
from tests.support.server import LiveServer, run_server
from tests.support.timeouts import extend_timeouts

_FULL_COLLECTION = 50
"""Tests between two full garbage collections."""
_tests = count(1)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--kills`, which sets how long the tests of killed processes run."""
    parser.addoption("--kills", type=int, default=3, help="times the service is killed under load")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of the routes that have a fast path on that path, and without it."""
    marked = metafunc.definition.get_closest_marker("both_ways") is not None
    if marked and "fast_path" in metafunc.fixturenames:
        metafunc.parametrize("fast_path", BOTH_WAYS, indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test if an e-mail address is printed: logs must contain no client's data."""
    report = yield
    if report.passed and _ADDRESS.search(report.capstdout + report.capstderr):
        report.outcome = "failed"
        report.longrepr = "An e-mail address was printed."
    return report


@pytest.fixture(scope="session", autouse=True)
def driver() -> Iterator[None]:
    """With STOCK_DRIVER set, run the suite on unmodified aiosqlite: both must behave alike."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("STOCK_DRIVER"):
            patch.setattr(sqlite, "DRIVER", aiosqlite.Connection)
        yield


@pytest.fixture(scope="session", autouse=True)
def sniffio() -> Iterator[None]:
    """Say at once that it is not installed: httpx looks for it in each request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sniffio", None)
        yield


@pytest.fixture(autouse=True)
def timeouts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service wait as long as a busy machine needs, unless the test is about timeouts."""
    if request.node.get_closest_marker("timeouts") is None:
        extend_timeouts(monkeypatch)


@pytest.fixture(autouse=True)
def garbage() -> Iterator[None]:
    """Collect garbage between two tests, as a collection during a test may take seconds.

    Each application that starts postpones the next full collection.
    """
    yield
    if next(_tests) % _FULL_COLLECTION == 0:
        gc.collect()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database, migrated once; tests work on copies."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(upgrade(SQLite(path, readers=1)))
    return path


@pytest.fixture
def database_path(tmp_path: Path, template: Path) -> Path:
    """The test's own SQLite file."""
    return Path(shutil.copy(template, tmp_path / "test.db"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresDatabases]:
    """A PostgreSQL server: that of TEST_DATABASE_URL, or one that is stopped after the tests."""
    url = os.environ.get("TEST_DATABASE_URL")
    if url is not None:
        with PostgresDatabases(url) as databases:
            yield databases
        return
    with running_server(in_memory=True) as server, PostgresDatabases(server.url()) as databases:
        yield databases


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """The test's own PostgreSQL server, with fsync on, for tests that crash it."""
    with running_server(fsync="on") as server:
        yield server


@pytest.fixture(params=POSTGRES_IS_HEAVY)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test's own empty database; the test runs on each kind in turn."""
    yield from empty_database(request)


@pytest.fixture
def durable_url(database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of the test's database, with every commit synced."""
    if database_url.startswith("sqlite"):
        yield database_url
    else:
        databases: PostgresDatabases = request.getfixturevalue("postgres")
        with databases.synced():
            yield database_url


@pytest.fixture
def settings(database_url: str) -> Settings:
    """The default settings on the test's database, regardless of the environment."""
    return Settings(_env_file=None, database_url=database_url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The open database."""
    database = Database(database_url)
    async with database.serving():
        yield database


@pytest.fixture
def fast_path(request: pytest.FixtureRequest) -> bool:
    """Whether the application has its fast path; tests marked `both_ways` also run without."""
    return bool(getattr(request, "param", True))


@pytest.fixture
async def client(settings: Settings, fast_path: bool) -> AsyncIterator[httpx.AsyncClient]:
    """An in-process client of the application."""
    app = application(settings, fast_path=fast_path)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client


@pytest.fixture
def api(client: httpx.AsyncClient) -> Api:
    """The in-process client with the service's calls as methods."""
    return Api(client)


@pytest.fixture
async def server(settings: Settings, fast_path: bool) -> AsyncIterator[LiveServer]:
    """The application behind a real socket."""
    async with run_server(application(settings, fast_path=fast_path)) as server:
        yield server


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    """A separate connection that sees committed data."""
    with open_rows(database_url) as rows:
        yield rows
