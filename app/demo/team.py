"""The demo's sources, its operators and their weights."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

_ACTIVE = {
    "Maria Ivanova": True,
    "John Smith": True,
    "Lena Schmidt": True,
    "Carlos García": True,
    "Yusuf Demir": False,
}

_WEIGHTS = {
    "Telegram bot": {
        "Maria Ivanova": 50,
        "John Smith": 30,
        "Lena Schmidt": 20,
        "Yusuf Demir": 40,
    },
    "Website chat": {
        "John Smith": 3,
        "Lena Schmidt": 5,
        "Carlos García": 2,
        "Maria Ivanova": 0,
    },
    "WhatsApp bot": {
        "Carlos García": 700,
        "Lena Schmidt": 250,
        "Maria Ivanova": 50,
    },
}


class Team(NamedTuple):
    """The names of sources and of operators, by id."""

    sources: dict[int, str]
    operators: dict[int, str]


async def assemble(client: httpx.AsyncClient) -> Team:
    """Create the sources and operators, as an admin does."""
    operators = {
        name: await create_operator(client, name=name, active=active)
        for name, active in _ACTIVE.items()
    }
    sources = {
        await create_source(
            client,
            {operators[name]: weight for name, weight in weights.items()},
            description=description,
        ): description
        for description, weights in _WEIGHTS.items()
    }
    return Team(
        sources=sources,
        operators={
            id: name if _ACTIVE[name] else f"{name} (inactive)" for name, id in operators.items()
        },
    )


async def create_operator(client: httpx.AsyncClient, **fields: Any) -> int:
    """Create an operator and return its id."""
    return await _create(client, "/operators", fields)


async def create_source(
    client: httpx.AsyncClient, weights: Mapping[int, int], **fields: Any
) -> int:
    """Create a source with these weights, by operator id, and return its id."""
    source_id = await _create(client, "/sources", fields)
    settings = [{"operator_id": id, "weight": weight} for id, weight in weights.items()]
    (await client.put(f"/sources/{source_id}/operators", json=settings)).raise_for_status()
    return source_id


async def _create(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> int:
    answer = await client.post(path, json=body)
    return int(answer.raise_for_status().json()["id"])
