"""Interactions as bots send them and staff read them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from app.schemas.base import Email, Id, ReadId, RequestSchema, ResponseSchema
from app.schemas.payload import Payload


class CreateInteraction(RequestSchema):
    """An inquiry from a bot."""

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

    email: Email = Field(description="Identifies the lead, case-insensitively.")
    source_id: Id = Field(description="The bot or channel that the inquiry comes from.")
    payload: Payload = Field(
        default=None, description="The body of the inquiry: any JSON value, at most 32 levels deep."
    )


class ReadInteraction(ResponseSchema):
    """An interaction of a lead."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "lead_uuid": "5f0c7b0e-6a34-4a0b-9d0f-3d1b7b7f2c11",
                    "source_id": 1,
                    "operator_id": 1,
                    "is_active": False,
                    "payload": {"channel": "telegram", "text": "Is the flat still free?"},
                    "created_at": "2026-01-02T03:04:05.678901Z",
                    "closed_at": "2026-01-02T04:05:06.789012Z",
                }
            ]
        }
    )

    id: ReadId
    lead_uuid: UUID
    source_id: ReadId
    operator_id: ReadId | None = Field(
        description="The assigned operator; null while the interaction waits."
    )
    is_active: bool
    payload: Any = Field(description="The body of the inquiry, as it was sent.")
    created_at: datetime
    closed_at: datetime | None
