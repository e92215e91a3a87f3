"""The ceiling: the same bodies through bare FastAPI, validated, with no database.

What the web layer alone can do on this machine; nothing that stores can be faster.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from app.schemas import CreateInteraction, ReadInteraction

app = FastAPI()
_lead = uuid4()
_now = datetime.now(UTC)
_page: list[dict[str, Any]] = []


@app.post("/interaction", status_code=201)
async def create_interaction(body: CreateInteraction) -> ReadInteraction:
    """Answer as the service does, out of thin air."""
    return ReadInteraction(
        id=1,
        lead_uuid=_lead,
        source_id=body.source_id,
        operator_id=1,
        is_active=True,
        payload=body.payload,
        created_at=_now,
        closed_at=None,
    )


@app.get("/leads/{lead_uuid}/interactions")
async def list_lead_interactions(lead_uuid: str) -> list[ReadInteraction]:
    """Five interactions, as many bytes as the service's."""
    return [
        ReadInteraction(
            id=number,
            lead_uuid=_lead,
            source_id=1,
            operator_id=1,
            is_active=True,
            payload={"channel": "telegram", "text": "Is the flat still free?"},
            created_at=_now,
            closed_at=None,
        )
        for number in range(1, 6)
    ]
