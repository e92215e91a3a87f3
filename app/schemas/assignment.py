"""Assignments as staff make and read them."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from app.core.credits import inquiries
from app.core.distribution import PassedOver, Reason, Strategy
from app.schemas.base import Id, ReadId, RequestSchema, ResponseSchema


class AssignInteraction(RequestSchema):
    """The operator that takes an interaction over."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"operator_id": 2}, {}]})

    operator_id: Id | None = Field(
        default=None, description="Absent or null: choose again, without the present operator."
    )


class ReadCandidate(ResponseSchema):
    """An operator of the source, as it stood when the choice was made."""

    operator_id: ReadId
    weight: int
    credit: Annotated[float, BeforeValidator(inquiries)] = Field(
        description="What the strategy `smooth` owed it, in inquiries, to six decimals; negative "
        "where it was ahead."
    )
    load: int | None = Field(
        description="Active interactions over all sources, counted as far as limits reach; null "
        "where none is enforced."
    )
    load_limit: int | None
    passed_over: PassedOver | None = Field(description="Why it could not be picked.")


class ReadAssignment(ResponseSchema):
    """One move of an interaction, and why it went there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "operator_id": 1,
                    "reason": "selected",
                    "strategy": "smooth",
                    "explanation": "Maria Ivanova (operator 1) was the only one available. Passed "
                    "over: Boris Orlov (operator 2), at the limit of 5.",
                    "candidates": [
                        {
                            "operator_id": 1,
                            "weight": 30,
                            "credit": 0.25,
                            "load": 3,
                            "load_limit": 20,
                            "passed_over": None,
                        },
                        {
                            "operator_id": 2,
                            "weight": 10,
                            "credit": -0.25,
                            "load": 5,
                            "load_limit": 5,
                            "passed_over": "at_limit",
                        },
                    ],
                    "created_at": "2026-01-02T03:04:05.678901Z",
                }
            ]
        }
    )

    id: ReadId
    operator_id: ReadId | None = Field(description="Who got it; null if it had to wait.")
    reason: Reason
    strategy: Strategy | None = Field(description="What it was picked by, if by any.")
    explanation: str = Field(description="The same in words.")
    candidates: list[ReadCandidate]
    created_at: datetime
