"""Concurrent requests: no errors, nothing lost, nothing half-written."""

import asyncio

import httpx
import pytest

from tests.support.api import Api
from tests.support.integrity import faults
from tests.support.load import at_once, keep_on, new_client
from tests.support.rows import Rows
from tests.support.server import LiveServer


async def test_concurrent_first_inquiries_of_a_lead(server: LiveServer, rows: Rows) -> None:
    """Fifty bots send inquiries of one new lead at once, four times: one lead each time."""
    async with new_client(server.url) as client:
        source = await Api(client).create_source()
        for turn in range(4):
            inquiry = {"email": f"new{turn}@example.com", "source_id": source}
            answers = await at_once(client.post("/interaction", json=inquiry) for _ in range(50))

            assert {201} == {answer.status_code for answer in answers}
            assert 1 == len({answer.json()["lead_uuid"] for answer in answers})
            assert 50 == len({answer.json()["id"] for answer in answers})

    assert (4,) == rows.execute("SELECT count(*) FROM leads").fetchone()
    assert [] == faults(rows)


async def test_bots_post_while_an_admin_replaces_the_weights(
    server: LiveServer, rows: Rows
) -> None:
    """Twenty bots and twenty replacements: only successes, and only operators of the source."""
    async with new_client(server.url) as client:
        api = Api(client)
        operators = [await api.create_operator() for _ in range(4)]
        source = await api.create_source({operators[0]: 1})
        finished = asyncio.Event()

        async def replace_weights() -> None:
            for turn in range(20):
                await api.set_weights(source, dict.fromkeys(operators, 1 + turn % 7))
            finished.set()

        def bot(name: int) -> "asyncio.Future[list[httpx.Response]]":
            inquiry = {"email": f"bot{name}@example.com", "source_id": source, "payload": name}
            return asyncio.ensure_future(
                keep_on(lambda: client.post("/interaction", json=inquiry), finished)
            )

        answers, *_ = await asyncio.gather(
            at_once(bot(name) for name in range(20)), replace_weights()
        )

    statuses = [answer.status_code for of_bot in answers for answer in of_bot]
    assert {201} == set(statuses)
    assert (len(statuses),) == rows.execute("SELECT count(*) FROM interactions").fetchone()
    assert [] == faults(rows)


async def test_connections_aborted_in_mid_write(server: LiveServer, rows: Rows) -> None:
    """Bots that disconnect early do not affect other requests; stored inquiries are whole."""
    async with new_client(server.url) as client:
        source = await Api(client).create_source()
        body = b'{"email": "gone@example.com", "source_id": %d, "payload": [1, 2]}' % source
        head = (
            b"POST /interaction HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )

        async def send_and_abort(turn: int) -> None:
            _, writer = await asyncio.open_connection(server.host, server.port)
            writer.write((head + body)[: len(head + body) - (turn % 3) * 20])
            await writer.drain()
            await asyncio.sleep(turn % 5 / 1000)
            writer.transport.abort()

        healthy = {"email": "here@example.com", "source_id": source}
        for turn in range(0, 200, 20):
            _, answer = await asyncio.gather(
                at_once(send_and_abort(turn + offset) for offset in range(20)),
                client.post("/interaction", json=healthy),
            )

            assert 201 == answer.status_code

    assert [] == faults(rows)
    assert {("[1,2]",)} == set(
        rows.execute("SELECT DISTINCT payload FROM interactions WHERE payload IS NOT NULL")
    )


@pytest.mark.parametrize("turns", [10, pytest.param(60, marks=pytest.mark.heavy)])
async def test_requests_cancelled_in_mid_write(
    client: httpx.AsyncClient, rows: Rows, turns: int
) -> None:
    """Fifty requests a turn are cancelled at any point and retried: each is written once."""
    source = await Api(client).create_source()

    def post(name: str) -> "asyncio.Task[httpx.Response]":
        body = {"email": f"{name}@example.com", "source_id": source, "payload": name}
        headers = {"Idempotency-Key": name}
        return asyncio.create_task(client.post("/interaction", json=body, headers=headers))

    for turn in range(turns):
        names = [f"l{turn}.{number}" for number in range(50)]
        requests = [post(name) for name in names]
        for number, request in enumerate(requests):
            asyncio.get_running_loop().call_later((number + turn % 10) / 4000, request.cancel)
        await asyncio.gather(*requests, return_exceptions=True)
        again = await at_once(post(name) for name in names)

        assert {201} == {answer.status_code for answer in again}

    assert (50 * turns, 50 * turns) == rows.execute(
        "SELECT count(*), count(DISTINCT payload) FROM interactions"
    ).fetchone()
    assert [] == faults(rows)


async def test_twenty_operators_created_at_once(client: httpx.AsyncClient) -> None:
    """Concurrent admins do not block each other either."""
    api = Api(client)
    created = await at_once(api.create_operator(f"Operator {n}") for n in range(20))

    assert 20 == len(set(created))
    assert 20 == len(await api.call("GET", "/operators"))


async def test_weights_are_read_whole_while_they_change(server: LiveServer) -> None:
    """A client that reads a source's operators gets one list or the other, never a mixture."""
    async with new_client(server.url) as client:
        api = Api(client)
        first, second = [await api.create_operator() for _ in range(2)]
        source = await api.create_source({first: 1})
        finished = asyncio.Event()

        async def swap() -> None:
            for turn in range(30):
                await api.set_weights(source, {(first, second)[turn % 2]: 1})
            finished.set()

        def reader() -> "asyncio.Future[list[httpx.Response]]":
            return asyncio.ensure_future(
                keep_on(lambda: client.get(f"/sources/{source}/operators"), finished)
            )

        answers, _ = await asyncio.gather(at_once(reader() for _ in range(4)), swap())

    seen = [answer.json() for of_reader in answers for answer in of_reader]
    assert all([1.0] == [entry["share"] for entry in entries] for entries in seen)
