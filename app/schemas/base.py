"""Base classes of the schemas, and the types of common fields."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from app.core.email import parse_email
from app.core.exact_json import ExactNumber
from app.core.limits import MAX_EMAIL_LENGTH, MAX_ID


class RequestSchema(BaseModel):
    """A request body; unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseSchema(BaseModel):
    """A response body, read from a row's attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _email(text: str) -> str:
    try:
        return parse_email(text)
    except ValueError as error:
        # The reason is a constant text; the library's messages quote the address.
        raise PydanticCustomError("email", "This is {reason}.", {"reason": str(error)}) from None


def _plain(value: Any) -> Any:
    return value.plain() if isinstance(value, ExactNumber) else value


PlainNumber = BeforeValidator(_plain)
"""Reads the integer `-0` as 0."""

Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
"""A numeric key in a request: a JSON integer, not a string, float or boolean."""

ReadId = Annotated[int, Field(json_schema_extra={"format": "int64"})]
"""A numeric key in a response."""

Email = Annotated[
    str,
    # No length constraint here: surrounding white space does not count.
    Field(json_schema_extra={"format": "email", "maxLength": MAX_EMAIL_LENGTH}),
    AfterValidator(_email),
]
"""An address without display name, normalized to the form that identifies its lead."""

Text = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$"),
]
"""A short text; NUL is rejected on every database, as PostgreSQL cannot store it."""
