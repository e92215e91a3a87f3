"""More inquiries than a shift may take at once: a queue forms, and drains."""

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
    """How things stand after an event."""

    event: str
    loads: list[dict[str, Any]]
    """What `GET /stats/operators` says of the shift."""
    waiting: int


class Rush(NamedTuple):
    """What happened, and the moves of the inquiry that waited first."""

    moments: list[Moment]
    interaction: int
    moves: list[dict[str, Any]]


async def rush(client: httpx.AsyncClient) -> Rush:
    """Send a shift more than its limits allow; then close one inquiry, and raise a limit."""
    shift = {
        await create_operator(client, name=name, load_limit=_LIMIT): weight
        for name, weight in _WEIGHTS.items()
    }
    source_id = await create_source(
        client, shift, description="Night hotline", enforce_load_limit=True
    )

    async def look(event: str) -> Moment:
        loads = [one async for one in read_pages(client, "/stats/operators") if one["id"] in shift]
        report = (await client.get(f"/stats/sources/{source_id}")).raise_for_status().json()
        return Moment(event, loads, report["waiting"])

    await post_all(client, inquire(_INQUIRIES, [source_id]), lambda: None)
    moments = [await look(f"{_INQUIRIES} inquiries come in")]
    posted = [one async for one in read_pages(client, "/interactions", source_id=source_id)]

    (await client.post(f"/interactions/{posted[0]['id']}/close")).raise_for_status()
    moments.append(await look("The first one is closed"))

    raised, *_ = shift
    changes = {"load_limit": _RAISED}
    (await client.patch(f"/operators/{raised}", json=changes)).raise_for_status()
    moments.append(await look(f"A limit is raised to {_RAISED}"))

    first = next(one["id"] for one in posted if one["operator_id"] is None)
    moves = [one async for one in read_pages(client, f"/interactions/{first}/assignments")]
    return Rush(moments, first, moves)
