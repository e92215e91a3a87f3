"""Reports as admins read them."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.schemas.base import ReadId, RequestSchema, ResponseSchema

_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _plain_date(value: Any) -> Any:
    """Refuse what pydantic would also take: seconds since 1970, dates with a time, other dashes."""
    if isinstance(value, str) and not _day.fullmatch(value):
        raise PydanticCustomError("date_parsing", "Input should be a date, YYYY-MM-DD.")
    return value


Day = Annotated[date, Field(examples=["2026-01-31"]), BeforeValidator(_plain_date)]


class PeriodQuery(RequestSchema):
    """From which day to which."""

    since: Day | None = Field(default=None, description="The first day, in UTC.")
    until: Day | None = Field(default=None, description="The last day, in UTC.")

    @field_validator("until")
    @classmethod
    def _not_before_since(cls, until: date | None, info: ValidationInfo) -> date | None:
        since = info.data.get("since")
        if since and until and until < since:
            raise PydanticCustomError("period", "The last day is before the first.")
        return until


class ReadOperatorShare(ResponseSchema):
    """An operator's part in a source's inquiries. Shares are 0 to 1, null where there are none."""

    operator_id: ReadId
    weight: int = Field(description="At present; 0 for one that no longer answers for the source.")
    interactions: int = Field(description="Those it has now, closed ones included.")
    target: float = Field(
        description="Inquiries that its weight was worth: of those given out at that moment, of "
        "those that wait at present. All targets sum to `interactions` + `waiting`, except where "
        "something waits and no operator has a weight."
    )
    share: float | None = Field(description="Its part of all that operators have.")
    target_share: float | None = Field(
        description="The part that its weight was worth, whenever one was given out."
    )
    deviation: float | None = Field(description="Share less target share.")
    lost_to_limit: float = Field(
        description="Interactions that its weight was worth while it was at its limit."
    )
    lost_to_inactivity: float = Field(
        description="Interactions that its weight was worth while it was inactive."
    )


class ReadSourceReport(ResponseSchema):
    """Who got what of the inquiries that came in from one day to another."""

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

    interactions: int = Field(description="Those that have an operator, closed ones included.")
    waiting: int = Field(description="Those of the period that wait at present.")
    operators: list[ReadOperatorShare]


class ReadOperatorLoad(ResponseSchema):
    """How much an operator has at hand."""

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
    waiting: int = Field(description="Interactions that wait in sources where it answers.")
