"""Errors as clients read them (RFC 9457)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.core.limits import MAX_SHOWN_ERRORS


class FieldError(BaseModel):
    """An error in one field; the value that was sent is never repeated."""

    location: Literal["body", "query", "path", "header"] = Field(serialization_alias="in")
    pointer: str = Field(description="JSON pointer (RFC 6901) to the field.")
    code: str
    detail: str


class Problem(BaseModel):
    """An error."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:lead-distribution:problem:source_not_found",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is no source with this id.",
                    "code": "source_not_found",
                    "request_id": "0f8d9c6f2b0e4d1d8c43a35d7e0f1b2a",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable, for programs to act on.")
    request_id: str = Field(description="Also in the header `X-Request-ID`.")
    errors: list[FieldError] | None = Field(
        default=None, max_length=MAX_SHOWN_ERRORS, description="Only with status 422."
    )
    more_errors: int | None = Field(
        default=None,
        ge=1,
        description="Number of further errors; absent if `errors` lists them all.",
    )
