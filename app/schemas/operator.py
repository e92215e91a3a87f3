"""Operators as admins set them."""

from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool
from typing_extensions import TypedDict

from app.core.limits import MAX_LOAD_LIMIT
from app.schemas.base import PlainNumber, ReadId, RequestSchema, ResponseSchema, Text

LoadLimit = Annotated[int, Field(strict=True, ge=0, le=MAX_LOAD_LIMIT), PlainNumber]


class CreateOperator(RequestSchema):
    """A new operator."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Maria Ivanova", "active": True, "load_limit": 20}]
        }
    )

    name: Text
    active: StrictBool = True
    load_limit: LoadLimit | None = Field(
        default=None,
        description="Maximum number of active interactions over all sources, for sources that "
        "enforce it; null for no limit.",
    )


class UpdateOperator(TypedDict, total=False):
    """Changes to an operator; absent fields keep their values, null removes the limit."""

    __pydantic_config__ = ConfigDict(  # type: ignore[misc]  # pydantic's own hook
        extra="forbid", json_schema_extra={"examples": [{"active": False}]}
    )

    name: Text
    active: StrictBool
    load_limit: LoadLimit | None


class ReadOperator(ResponseSchema):
    """An operator."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": 1, "name": "Maria Ivanova", "active": True, "load_limit": 20}]
        }
    )

    id: ReadId
    name: str
    active: bool
    load_limit: int | None
