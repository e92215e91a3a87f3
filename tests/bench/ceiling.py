"""The ceilings: the rate of the web layer alone, with nothing stored.

- `app`: the same bodies through bare FastAPI, with models of its own and pydantic's `EmailStr`, as
  most services have them;
- `checked`: the same with the service's models, and so with its check of e-mail addresses;
- `bare`: the server without a framework, which reads the body and returns fixed bytes.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel, EmailStr
from starlette.types import Receive, Scope, Send

from app.schemas import CreateInteraction, ReadInteraction
from tests.bench.fill import PAGE_ROWS, PAYLOAD


class Inquiry(BaseModel):
    """A request body."""

    email: EmailStr
    source_id: int
    payload: Any = None


class Interaction(BaseModel):
    """A response body."""

    id: int
    lead_uuid: UUID
    source_id: int
    operator_id: int | None
    is_active: bool
    payload: Any
    created_at: datetime
    closed_at: datetime | None


app = FastAPI()
checked = FastAPI()


def _values(number: int, payload: object) -> dict[str, Any]:
    return {
        "id": number,
        "lead_uuid": UUID(int=number),
        "source_id": 1,
        "operator_id": 1,
        "is_active": True,
        "payload": payload,
        "created_at": datetime(2026, 1, 1, 0, 0, 0, 123456, UTC),
        "closed_at": None,
    }


@app.post("/interaction", status_code=201)
async def create_interaction(body: Inquiry) -> Interaction:
    """Answer like the service, without storing anything."""
    return Interaction(**_values(1, body.payload))


@app.get("/leads/{lead_uuid}/interactions")
async def list_lead_interactions(lead_uuid: UUID) -> list[Interaction]:
    """Return as many interactions and bytes as the service."""
    return [Interaction(**_values(number, PAYLOAD)) for number in range(1, PAGE_ROWS + 1)]


@checked.post("/interaction", status_code=201)
async def create_checked_interaction(body: CreateInteraction) -> ReadInteraction:
    """Answer like the service, without storing anything."""
    return ReadInteraction(**_values(1, body.payload))


_INTERACTION = Interaction(**_values(1, PAYLOAD)).model_dump_json().encode()
_PAGE = json.dumps([json.loads(_INTERACTION)] * PAGE_ROWS, separators=(",", ":")).encode()


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request of either kind with as many bytes as the service."""
    assert scope["type"] == "http"  # without a lifespan
    while (await receive()).get("more_body"):
        pass
    is_page = scope["method"] == "GET"
    body = _PAGE if is_page else _INTERACTION
    headers: Sequence[tuple[bytes, bytes]] = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"application/json"),
    ]
    await send(
        {
            "type": "http.response.start",
            "status": 200 if is_page else 201,
            "headers": headers,
        }
    )
    await send({"type": "http.response.body", "body": body})
