"""The demo's sources, its operators and their weights."""

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
    """Names by id."""

    sources: dict[int, str]
    operators: dict[int, str]


async def assemble(client: httpx.AsyncClient) -> Team:
    """Create the sources and operators, as an admin does."""
    operators = {
        name: await _create(client, "/operators", {"name": name, "active": active})
        for name, active in _ACTIVE.items()
    }
    sources = {}
    for description, weights in _WEIGHTS.items():
        source_id = await _create(client, "/sources", {"description": description})
        sources[source_id] = description
        settings = [
            {"operator_id": operators[name], "weight": weight} for name, weight in weights.items()
        ]
        answer = await client.put(f"/sources/{source_id}/operators", json=settings)
        answer.raise_for_status()
    return Team(
        sources=sources,
        operators={
            id: name if _ACTIVE[name] else f"{name} (inactive)" for name, id in operators.items()
        },
    )


async def _create(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> int:
    answer = await client.post(path, json=body)
    return int(answer.raise_for_status().json()["id"])
