"""The application in-process for synchronous code, and everything that it reports."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any, NamedTuple

import httpx
from fastapi import FastAPI

from tests.support.load import at_once as gather


class Call(NamedTuple):
    """A request to the service."""

    method: str
    path: str
    json: Any = None
    headers: Mapping[str, str] | None = None


class Reading(NamedTuple):
    """What the service reports after a step."""

    interactions: Mapping[int, Any]
    waiting: Sequence[Any]
    loads: Sequence[Any]
    reports: Mapping[int, Any]
    moved: Mapping[int, Sequence[Any]]
    """The assignments of interactions that are new, or whose operator has changed."""


NOTHING = Reading({}, [], [], {}, {})


class Service:
    """The application on an event loop of its own; each step runs the loop once."""

    def __init__(self, client: httpx.AsyncClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def step(
        self, calls: Iterable[Call], *, at_once: bool, before: Reading, sources: Sequence[int]
    ) -> tuple[list[Any], Reading]:
        """Make the calls, in turn or at once, and then read what the service reports.

        Returns:
            The responses in the order of the calls, and the reading.

        """

        async def take() -> tuple[list[Any], Reading]:
            responses = map(self._send, calls)
            made = (
                await gather(responses) if at_once else [await response for response in responses]
            )
            return made, await self._read(before, sources)

        return self._runner.run(take())

    async def _send(self, call: Call) -> httpx.Response:
        return await self._client.request(
            call.method, call.path, json=call.json, headers=call.headers
        )

    async def _read(self, before: Reading, sources: Sequence[int]) -> Reading:
        rows, waiting, loads, *reports = await gather(
            self._get(path)
            for path in (
                "/interactions?limit=1000",
                "/interactions?limit=1000&waiting=true",
                "/stats/operators",
                *(f"/stats/sources/{id}" for id in sources),
            )
        )
        interactions = {row["id"]: row for row in rows}
        moved = [
            id
            for id, row in interactions.items()
            if id not in before.interactions
            or row["operator_id"] != before.interactions[id]["operator_id"]
        ]
        moves = await gather(self._get(f"/interactions/{id}/assignments") for id in moved)
        return Reading(
            interactions,
            waiting,
            loads,
            dict(zip(sources, reports, strict=True)),
            dict(zip(moved, moves, strict=True)),
        )

    async def _get(self, path: str) -> Any:
        return (await self._client.get(path)).raise_for_status().json()


@contextmanager
def run_service(app: FastAPI) -> Iterator[Service]:
    """Start the application, and stop it at the end."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        runner.run(stack.enter_async_context(app.router.lifespan_context(app)))
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://test")
        runner.run(stack.enter_async_context(client))
        try:
            yield Service(client, runner)
        finally:
            runner.run(stack.aclose())
