"""What all schemas share: strictness, and the types of common fields."""

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
    """A body that clients send: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseSchema(BaseModel):
    """A body that clients get, read from a row's attributes."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _email(text: str) -> str:
    try:
        return parse_email(text)
    except ValueError as error:
        # The reason is a constant text; the library's own reasons quote the address.
        raise PydanticCustomError("email", "This is {reason}.", {"reason": str(error)}) from None


def _plain(value: Any) -> Any:
    return value.plain() if isinstance(value, ExactNumber) else value


PlainNumber = BeforeValidator(_plain)
"""Takes `-0` for 0 where a body's integer may be that."""

Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
"""A numeric key in a body: a JSON integer, never a string, a float or a boolean."""

ReadId = Annotated[int, Field(json_schema_extra={"format": "int64"})]
"""A numeric key in an answer."""

Email = Annotated[
    str,
    # Not checked here: white space around an address does not count.
    Field(json_schema_extra={"format": "email", "maxLength": MAX_EMAIL_LENGTH}),
    AfterValidator(_email),
]
"""A bare address, folded to the spelling that identifies its lead."""

Text = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$"),
]
"""A line or paragraph; NUL, which PostgreSQL cannot store, is refused everywhere alike."""
