"""The ceiling: the same bodies through bare FastAPI, validated, without a database.

The rate of the web layer alone on this machine; no service that stores data can be faster.
"""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import FastAPI

from app.schemas import CreateInteraction, ReadInteraction
from tests.bench.fill import PAGE_ROWS, PAYLOAD

app = FastAPI()


def _interaction(number: int, payload: object) -> ReadInteraction:
    return ReadInteraction(
        id=number,
        lead_uuid=UUID(int=number),
        source_id=1,
        operator_id=1,
        is_active=True,
        payload=payload,
        created_at=datetime(2026, 1, 1, 0, 0, 0, 123456, UTC),
        closed_at=None,
    )


@app.post("/interaction", status_code=201)
async def create_interaction(body: CreateInteraction) -> ReadInteraction:
    """Answer like the service, without storing anything."""
    return _interaction(1, body.payload)


@app.get("/leads/{lead_uuid}/interactions")
async def list_lead_interactions(lead_uuid: UUID) -> list[ReadInteraction]:
    """Return as many interactions and bytes as the service."""
    return [_interaction(number, PAYLOAD) for number in range(1, PAGE_ROWS + 1)]
