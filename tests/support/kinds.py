"""The kinds of databases that tests run on."""

import pytest

KINDS = ("sqlite", "postgres")

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of what only SQLite's file has."""
only_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
"""For tests of what only PostgreSQL has."""
