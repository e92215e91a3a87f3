"""A transaction that PostgreSQL rolls back, as it does to end a deadlock, is retried."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.kinds import only_postgres
from tests.support.rows import Rows

pytestmark = only_postgres

CALLS: dict[str, tuple[int, Callable[[Api], Awaitable[Any]]]] = {
    "operators": (1, lambda api: api.create_operator("Boris")),
    "sources": (1, lambda api: api.create_source()),
    "source_operator_settings": (0, lambda api: api.set_weights(1, {1: 2})),
    "leads": (1, lambda api: api.post(1, "another@example.com")),
    "interactions": (0, lambda api: api.close(1)),
    "assignments": (1, lambda api: api.assign(1, 2)),
}
"""A call that writes to each of these tables, and how many rows it adds."""


@pytest.mark.parametrize("table", CALLS)
async def test_rolled_back_call_is_retried(api: Api, rows: Rows, table: str) -> None:
    """The client gets the response, and sees nothing of the first attempt."""
    added, call = CALLS[table]
    count = f"SELECT count(*) FROM {table}"
    for name in ("Maria", "Ivan"):
        await api.create_operator(name)
    await api.create_source({1: 1})
    await api.post(1)
    ((before,),) = rows.execute(count)
    # A sequence is not rolled back with the transaction.
    rows.executescript(
        f"""
        CREATE SEQUENCE attempts;
        CREATE FUNCTION fail_first() RETURNS TRIGGER LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('attempts') = 1 THEN RAISE EXCEPTION USING ERRCODE = '40P01'; END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER failing AFTER INSERT OR UPDATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION fail_first();
        """
    )

    await call(api)

    assert [(2,)] == rows.execute("SELECT last_value FROM attempts")
    assert [(before + added,)] == rows.execute(count)
