"""What every test may ask for: a migrated database of its own, the application on it, a client."""

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing
from pathlib import Path

import aiosqlite
import httpx
import pytest

from app.core.config import Settings
from app.db import sqlite
from app.db.database import Database
from app.db.migrate import upgrade
from app.db.sqlite import SQLite
from app.main import create_app
from tests.support.api import Api
from tests.support.server import LiveServer, run_server

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests that take long shall take."""
    parser.addoption("--kills", type=int, default=10, help="times the service is killed under load")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail every test in which the service prints an address: the log has nobody's data."""
    report = yield
    if report.passed and _ADDRESS.search(report.capstdout + report.capstderr):
        report.outcome = "failed"
        report.longrepr = "An e-mail address was printed."
    return report


@pytest.fixture(scope="session", autouse=True)
def driver() -> Iterator[None]:
    """With STOCK_DRIVER set, the suite runs on aiosqlite as it comes: both must behave alike."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("STOCK_DRIVER"):
            patch.setattr(sqlite, "DRIVER", aiosqlite.Connection)
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, migrated once; tests work on copies."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(upgrade(SQLite(path, readers=1)))
    return path


@pytest.fixture
def database_path(tmp_path: Path, template: Path) -> Path:
    """A database file of the test's own."""
    return Path(shutil.copy(template, tmp_path / "test.db"))


@pytest.fixture
def settings(database_path: Path) -> Settings:
    """The default settings on the test's database, whatever the environment says."""
    return Settings(_env_file=None, database_url=f"sqlite:///{database_path}")


@pytest.fixture
async def database(database_path: Path) -> AsyncIterator[Database]:
    """The open database."""
    database = Database(f"sqlite:///{database_path}")
    async with database.serving():
        yield database


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, in-process."""
    app = create_app(settings)
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
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    """The application behind a real socket."""
    async with run_server(create_app(settings)) as server:
        yield server


@pytest.fixture
def rows(database_path: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection that sees what is committed."""
    with closing(sqlite3.connect(database_path)) as connection:
        yield connection
