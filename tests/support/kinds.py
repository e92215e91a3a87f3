"""The kinds of database that tests run on, and the ways through the application."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.postgres import PostgresDatabases

KINDS = ("sqlite", "postgres")
POSTGRES_IS_HEAVY = ("sqlite", pytest.param("postgres", marks=pytest.mark.heavy))
"""For most tests: plain `pytest` runs them on SQLite, `pytest -m heavy` on PostgreSQL."""

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of what applies only to SQLite."""
only_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
"""For tests of what applies only to PostgreSQL."""

BOTH_WAYS = (
    pytest.param(True, id="fast"),
    pytest.param(False, id="full", marks=pytest.mark.heavy),
)
"""With the fast path and without; plain `pytest` runs only the first."""


def empty_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of the requested kind, until the generator is closed."""
    if request.param == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('database_path')}"
    else:
        databases: PostgresDatabases = request.getfixturevalue("postgres")
        with databases.fresh() as url:
            yield url
