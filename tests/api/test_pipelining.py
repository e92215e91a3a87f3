"""Pipelined requests: sent before those in front of them are answered."""

import asyncio
import gc
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from fastapi import FastAPI

from app.server.strict_protocol import StrictProtocol
from tests.support.raw import read_answers
from tests.support.server import run_server

GET = b"GET /turn/%d HTTP/1.1\r\nHost: test\r\n\r\n"
MOST_WAITING = 100


class Gate(NamedTuple):
    """Holds requests until it is opened."""

    reached: asyncio.Event
    open: asyncio.Event


def counting_app() -> tuple[FastAPI, list[int], Gate]:
    """An application, the numbers of the requests that reached it, and its gate."""
    app, received, gate = FastAPI(), list[int](), Gate(asyncio.Event(), asyncio.Event())

    @app.get("/turn/{number}")
    async def take_turn(number: int) -> int:
        received.append(number)
        gate.reached.set()
        await gate.open.wait()
        return number

    return app, received, gate


async def test_dozens_are_answered_in_order() -> None:
    """One request runs at a time, and each gets its own response."""
    app, received, gate = counting_app()
    async with run_server(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"".join(GET % number for number in range(60)))
        await gate.reached.wait()
        received_at_first = list(received)
        gate.open.set()
        answers = await read_answers(reader, 60)
        writer.close()
        await writer.wait_closed()

    assert [0] == received_at_first
    assert list(range(60)) == [answer.json() for answer in answers]


@pytest.mark.heavy
async def test_reading_stops_while_requests_wait() -> None:
    """A client that keeps sending fills its own buffers, not the service's."""
    app, _, gate = counting_app()
    long_get = b"GET /turn/0 HTTP/1.1\r\nHost: test\r\nX-A: " + b"a" * 8000 + b"\r\n\r\n"

    async def send_without_end() -> None:
        while True:
            writer.write(long_get)
            await writer.drain()

    async with run_server(app) as server:
        _, writer = await asyncio.open_connection(server.host, server.port)
        sending = asyncio.create_task(send_without_end())
        await gate.reached.wait()
        # If the service kept reading, it would soon close the connection for too many requests.
        done, _ = await asyncio.wait([sending], timeout=1)
        sending.cancel()
        writer.transport.abort()

    assert not done


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Turn the garbage collector off, as the service runs it only rarely."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
async def test_too_many_requests() -> None:
    """The first are answered, the next one gets 503, the connection is closed and freed."""
    app, received, gate = counting_app()
    async with run_server(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"".join(GET % number for number in range(2_000)))
        await gate.reached.wait()
        gate.open.set()
        answers = await read_answers(reader, 1 + MOST_WAITING + 1)
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(30):
            while any(isinstance(thing, StrictProtocol) for thing in gc.get_objects()):  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0.1)

    assert [200] * (1 + MOST_WAITING) + [503] == [answer.status_code for answer in answers]
    assert "busy" == answers[-1].json()["code"]
    assert b"" == rest
    assert list(range(1 + MOST_WAITING)) == received
