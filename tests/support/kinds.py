"""The kinds of database that tests run on."""

import pytest

KINDS = ("sqlite", "postgres")

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of what applies only to SQLite."""
only_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
"""For tests of what applies only to PostgreSQL."""
