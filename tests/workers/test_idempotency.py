"""Idempotency keys hold across processes."""

from collections import Counter

import httpx
import pytest

from tests.support.api import Api
from tests.support.load import at_once
from tests.support.rows import Rows
from tests.workers.processes import Workers

pytestmark = pytest.mark.heavy

KEYS = [f"key-{number}" for number in range(10)]


async def send(client: httpx.AsyncClient, source: int, key: str, email: str) -> httpx.Response:
    """The answer to an inquiry with this key."""
    body = {"email": email, "source_id": source, "payload": {"key": key}}
    return await client.post("/interaction", json=body, headers={"Idempotency-Key": key})


async def test_same_key_sent_to_all_at_once(
    clients: list[httpx.AsyncClient], workers: Workers, rows: Rows
) -> None:
    """Each key writes one interaction; all answers are equal, and all but one are replayed."""
    api = Api(clients[0])
    operators = [await api.create_operator(load_limit=3) for _ in range(2)]
    source = await api.create_source(dict.fromkeys(operators, 1), enforce_load_limit=True)

    for key in KEYS:
        answers = await at_once(
            send(client, source, key, f"{key}@example.com") for client in clients * 3
        )

        assert {201} == {answer.status_code for answer in answers}
        assert 1 == len({answer.text for answer in answers})
        assert len(answers) - 1 == sum(
            "Idempotent-Replayed" in answer.headers for answer in answers
        )

    stored = rows.execute("SELECT operator_id FROM interactions ORDER BY id")
    assert dict.fromkeys(operators, 3) | {None: 4} == Counter(id for (id,) in stored)
    assert [(None,)] * 4 == stored[6:]
    assert (len(KEYS),) == rows.execute("SELECT count(*) FROM idempotency_keys").fetchone()
    assert "" == workers.log


async def test_same_key_for_another_request(clients: list[httpx.AsyncClient], rows: Rows) -> None:
    """The first request gets a 201; the others get a 422 from every process."""
    source = await Api(clients[0]).create_source()

    for key in KEYS:
        answers = await at_once(
            send(client, source, key, f"{name}.{key}@example.com")
            for name, client in enumerate(clients * 3)
        )

        assert {201: 1, 422: len(answers) - 1} == Counter(answer.status_code for answer in answers)

    assert (len(KEYS),) == rows.execute("SELECT count(*) FROM interactions").fetchone()
    assert (len(KEYS),) == rows.execute("SELECT count(*) FROM leads").fetchone()
