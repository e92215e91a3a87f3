"""Sources and their operators' weights, as admins set them."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.core.distribution import Strategy
from app.core.limits import MAX_OPERATORS_PER_SOURCE, MAX_WEIGHT
from app.schemas.base import Id, PlainNumber, ReadId, RequestSchema, ResponseSchema, Text

Weight = Annotated[int, Field(strict=True, ge=0, le=MAX_WEIGHT), PlainNumber]


class CreateSource(RequestSchema):
    """A new source."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Telegram bot"}]})

    description: Text
    strategy: Strategy = Field(
        default="smooth",
        description="`smooth` keeps shares close to the weights after every inquiry; `random` "
        "draws operators by weight.",
    )
    enforce_load_limit: StrictBool = Field(
        default=False, description="Whether operators at their load limit are passed over."
    )
    sticky: StrictBool = Field(
        default=False,
        description="Whether inquiries of a returning lead are assigned to its latest operator, if "
        "that operator is available.",
    )


class UpdateSource(TypedDict, total=False):
    """Changes to a source; absent fields keep their values."""

    __pydantic_config__ = ConfigDict(  # type: ignore[misc]  # pydantic's own hook
        extra="forbid", json_schema_extra={"examples": [{"enforce_load_limit": True}]}
    )

    description: Text
    strategy: Strategy
    enforce_load_limit: StrictBool
    sticky: StrictBool


class ReadSource(ResponseSchema):
    """A source."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "description": "Telegram bot",
                    "strategy": "smooth",
                    "enforce_load_limit": False,
                    "sticky": False,
                }
            ]
        }
    )

    id: ReadId
    description: str
    strategy: Strategy
    enforce_load_limit: bool
    sticky: bool


class SetSourceOperator(RequestSchema):
    """An operator's weight in a source."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"operator_id": 1, "weight": 30}]})

    operator_id: Id
    weight: Weight = Field(
        description="The operator's share grows with its weight; with 0 it gets no inquiries."
    )


def _each_operator_once(settings: list[SetSourceOperator]) -> list[SetSourceOperator]:
    if len({setting.operator_id for setting in settings}) != len(settings):
        raise PydanticCustomError("duplicate_operator", "An operator is listed more than once.")
    return settings


SetSourceOperators = Annotated[
    list[SetSourceOperator],
    Field(max_length=MAX_OPERATORS_PER_SOURCE),
    AfterValidator(_each_operator_once),
]
"""The whole list of a source's operators."""


class ReadSourceOperator(ResponseSchema):
    """An operator's weight in a source, and the share expected from it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"operator_id": 1, "weight": 30, "share": 0.75}]}
    )

    operator_id: ReadId
    weight: int
    share: float = Field(
        description="The currently expected share of the source's inquiries, from 0 to 1; 0 for an "
        "inactive operator."
    )
