"""The bounds of one transaction that assigns from the queue, whatever the sources."""

import pytest

from app.services import queue
from app.services.queue import CHUNK
from tests.support.api import Api
from tests.support.queues import given_out, queue_up, still_waiting
from tests.support.rows import Rows

OPERATORS = 3


async def test_very_many_operators(api: Api, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each choice considers all of them, so a transaction makes fewer choices."""
    monkeypatch.setattr(queue, "MAX_CANDIDATES", 10 * OPERATORS)
    operators = [await api.create_operator(active=False) for _ in range(OPERATORS)]
    source = await api.create_source(dict.fromkeys(operators, 1))
    waiting = queue_up(rows, 25, source)

    await api.update_operator(operators[0], active=True)

    assert waiting == given_out(rows)
    [(writes,)] = rows.execute(
        "SELECT count(DISTINCT created_at) FROM assignments WHERE operator_id IS NOT NULL"
    )
    assert writes == 3


async def test_more_operators_than_a_transaction_considers(
    api: Api, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is assigned one interaction at a time."""
    monkeypatch.setattr(queue, "MAX_CANDIDATES", 1)
    operators = [await api.create_operator(active=False) for _ in range(OPERATORS)]
    source = await api.create_source(dict.fromkeys(operators, 1))
    waiting = queue_up(rows, 3, source)

    await api.update_operator(operators[0], active=True)

    assert waiting == given_out(rows)


async def test_long_queue_without_capacity_before_another(api: Api, rows: Rows) -> None:
    """The first source assigns up to the limit; the second one's queue follows."""
    operator = await api.create_operator(active=False, load_limit=3)
    strict = await api.create_source({operator: 1}, enforce_load_limit=True)
    lax = await api.create_source({operator: 1})
    stays = queue_up(rows, 2 * CHUNK, strict)
    goes = queue_up(rows, CHUNK + 1, lax)

    await api.update_operator(operator, active=True)

    assert [*stays[:3], *goes] == given_out(rows)
    assert stays[3:] == still_waiting(rows)
