"""Transactions and migrations differ by database: these tests always run on both."""

from collections.abc import Iterator

import pytest

from tests.support.kinds import KINDS, empty_database


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test's own empty database; the test runs on each kind in turn."""
    yield from empty_database(request)
