"""Query and path parameters."""

import re
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.core.limits import MAX_ID
from app.schemas.base import RequestSchema

_digits = re.compile(r"[0-9]{1,19}", re.ASCII)


def _plain_integer(value: Any) -> Any:
    """Reject what `int()` also accepts: signs, spaces, underscores, fractions."""
    if isinstance(value, str) and not _digits.fullmatch(value):
        raise PydanticCustomError("int_parsing", "Input should be a whole number, in digits only.")
    return value


def _plain_boolean(value: Any) -> Any:
    """Reject what pydantic also accepts: 1, yes, on."""
    if isinstance(value, str) and value not in ("true", "false"):
        raise PydanticCustomError("bool_parsing", "Input should be true or false.")
    return value


IdParameter = Annotated[int, Field(ge=1, le=MAX_ID, examples=[1]), BeforeValidator(_plain_integer)]
"""A numeric key in a path or a query."""

UUIDParameter = Annotated[UUID, Field(examples=["5f0c7b0e-6a34-4a0b-9d0f-3d1b7b7f2c11"])]
"""A lead's key in a path."""

Flag = Annotated[bool, Field(examples=[True]), BeforeValidator(_plain_boolean)]
"""A boolean in a query."""


class PageQuery(RequestSchema):
    """Which page of a list."""

    limit: Annotated[int, BeforeValidator(_plain_integer)] = Field(
        default=100, ge=1, le=1000, description="Maximum number of items per page.", examples=[100]
    )
    after: Annotated[int, BeforeValidator(_plain_integer)] = Field(
        default=0,
        ge=0,
        le=MAX_ID,
        description="Return items after the one with this id.",
        examples=[100],
    )


class InteractionQuery(PageQuery):
    """Which interactions, and which page of them."""

    operator_id: IdParameter | None = None
    source_id: IdParameter | None = None
    is_active: Flag | None = None
    waiting: Flag | None = Field(
        default=None,
        description="`true` lists active interactions without an operator, `false` all others.",
    )
