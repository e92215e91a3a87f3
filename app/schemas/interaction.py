"""Interactions as bots send them and staff read them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from app.schemas.base import Email, Id, RequestSchema, ResponseSchema
from app.schemas.payload import Payload


class CreateInteraction(RequestSchema):
    """An inquiry, as a bot sends it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "anna.petrova@example.com",
                    "source_id": 1,
                    "payload": {"channel": "telegram", "text": "Is the flat still free?"},
                }
            ]
        }
    )

    email: Email = Field(description="Who asks; identifies the lead, whatever its case.")
    source_id: Id = Field(description="The bot or channel the inquiry comes from.")
    payload: Payload = Field(
        default=None, description="The body of the inquiry: any JSON value, at most 32 levels deep."
    )


class ReadInteraction(ResponseSchema):
    """An interaction of a lead."""

    id: int
    lead_uuid: UUID
    source_id: int
    operator_id: int | None = Field(description="Who answers; null while the interaction waits.")
    is_active: bool
    payload: Any = Field(description="The body of the inquiry, as it came.")
    created_at: datetime
    closed_at: datetime | None
