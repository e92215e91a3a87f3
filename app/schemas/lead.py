"""Leads as staff look them up and read them."""

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field

from app.schemas.base import Email, RequestSchema, ResponseSchema


class SearchLead(RequestSchema):
    """The e-mail address to search for; it is not in the URL, so that logs do not keep it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "anna.petrova@example.com"}]}
    )

    email: Email


class ReadLead(ResponseSchema):
    """A lead."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "uuid": "5f0c7b0e-6a34-4a0b-9d0f-3d1b7b7f2c11",
                    "email": "anna.petrova@example.com",
                    "created_at": "2026-01-02T03:04:05.678901Z",
                }
            ]
        }
    )

    uuid: UUID
    email: str = Field(description="The e-mail address in lower case.")
    created_at: datetime
