"""Reports as admins read them."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.schemas.base import ReadId, RequestSchema, ResponseSchema

_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _plain_date(value: Any) -> Any:
    """Reject what pydantic also accepts: seconds since 1970, dates with a time, other dashes."""
    if isinstance(value, str) and not _day.fullmatch(value):
        raise PydanticCustomError("date_parsing", "Input should be a date, YYYY-MM-DD.")
    return value


Day = Annotated[date, Field(examples=["2026-01-31"]), BeforeValidator(_plain_date)]


class PeriodQuery(RequestSchema):
    """The period of a report, in days."""

    since: Day | None = Field(default=None, description="The first day, in UTC.")
    until: Day | None = Field(default=None, description="The last day, in UTC.")

    @field_validator("until")
    @classmethod
    def _not_before_since(cls, until: date | None, info: ValidationInfo) -> date | None:
        since = info.data.get("since")
        if since and until and until < since:
            raise PydanticCustomError("period", "`until` is before `since`.")
        return until


class ReadOperatorShare(ResponseSchema):
    """An operator's part of a source's inquiries.

    Shares are from 0 to 1, or null if no inquiries were assigned.
    """

    operator_id: ReadId
    weight: int = Field(
        description="The current weight; 0 for an operator that the source no longer lists."
    )
    interactions: int = Field(description="Interactions assigned to it, including closed ones.")
    target: float = Field(
        description="Inquiries that the operator should have received by its weight: the weight at "
        "the time of assignment for assigned inquiries, the current weight for waiting ones. All "
        "targets sum to `interactions` + `waiting`, unless interactions wait and no operator has a "
        "weight above 0."
    )
    share: float | None = Field(description="Its share of all assigned interactions.")
    target_share: float | None = Field(
        description="The share that the operator should have received by its weight at the time of "
        "each assignment."
    )
    deviation: float | None = Field(description="`share` minus `target_share`.")
    lost_to_limit: float = Field(
        description="The part of `target` that accrued while the operator was at its limit."
    )
    lost_to_inactivity: float = Field(
        description="The part of `target` that accrued while the operator was inactive."
    )


class ReadSourceReport(ResponseSchema):
    """How the inquiries of a period were shared among a source's operators."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "interactions": 40,
                    "waiting": 2,
                    "operators": [
                        {
                            "operator_id": 1,
                            "weight": 30,
                            "interactions": 26,
                            "target": 31.5,
                            "share": 0.65,
                            "target_share": 0.75,
                            "deviation": -0.1,
                            "lost_to_limit": 4.5,
                            "lost_to_inactivity": 0.0,
                        }
                    ],
                }
            ]
        }
    )

    interactions: int = Field(
        description="Interactions that have an operator, including closed ones."
    )
    waiting: int = Field(description="Interactions of the period that currently wait.")
    operators: list[ReadOperatorShare]


class ReadOperatorLoad(ResponseSchema):
    """An operator's load."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "name": "Maria Ivanova",
                    "active": True,
                    "load": 20,
                    "load_limit": 20,
                    "waiting": 3,
                }
            ]
        }
    )

    id: ReadId
    name: str
    active: bool
    load: int = Field(description="Active interactions over all sources.")
    load_limit: int | None
    waiting: int = Field(
        description="Waiting interactions of the sources where the operator has a weight above 0."
    )
