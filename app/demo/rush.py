"""More inquiries than a shift's limits allow: a queue forms and is assigned."""

from typing import Any, NamedTuple

import httpx

from app.demo.bots import post_all
from app.demo.inquiries import inquire
from app.demo.staff import read_pages
from app.demo.team import create_operator, create_source

_WEIGHTS = {"Aiko Tanaka": 2, "Omar Haddad": 1}
_LIMIT = 3
_RAISED = 5
_INQUIRIES = 10


class Moment(NamedTuple):
    """The shift's loads and queue after an event."""

    event: str
    loads: list[dict[str, Any]]
    """The shift's operators in `GET /stats/operators`."""
    waiting: int


class Rush(NamedTuple):
    """The state after each event, and the assignments of the interaction that waited first."""

    moments: list[Moment]
    interaction: int
    moves: list[dict[str, Any]]


async def rush(client: httpx.AsyncClient) -> Rush:
    """Send a shift more inquiries than its limits allow, then close one and raise a limit."""
    shift = {
        await create_operator(client, name=name, load_limit=_LIMIT): weight
        for name, weight in _WEIGHTS.items()
    }
    source_id = await create_source(
        client, shift, description="Night hotline", enforce_load_limit=True
    )

    async def observe(event: str) -> Moment:
        loads = [
            operator
            async for operator in read_pages(client, "/stats/operators")
            if operator["id"] in shift
        ]
        report = (await client.get(f"/stats/sources/{source_id}")).raise_for_status().json()
        return Moment(event, loads, report["waiting"])

    await post_all(client, inquire(_INQUIRIES, [source_id]), lambda: None)
    moments = [await observe(f"{_INQUIRIES} inquiries come in")]
    posted = [
        interaction
        async for interaction in read_pages(client, "/interactions", source_id=source_id)
    ]

    (await client.post(f"/interactions/{posted[0]['id']}/close")).raise_for_status()
    moments.append(await observe("The first interaction is closed"))

    raised, *_ = shift
    changes = {"load_limit": _RAISED}
    (await client.patch(f"/operators/{raised}", json=changes)).raise_for_status()
    moments.append(await observe(f"A limit is raised to {_RAISED}"))

    first = next(interaction["id"] for interaction in posted if interaction["operator_id"] is None)
    moves = [move async for move in read_pages(client, f"/interactions/{first}/assignments")]
    return Rush(moments, first, moves)
