"""Assignments as staff make and read them."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from app.core.credits import inquiries
from app.core.distribution import PassedOver, Reason, Strategy
from app.schemas.base import Id, ReadId, RequestSchema, ResponseSchema


class AssignInteraction(RequestSchema):
    """The operator to assign."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"operator_id": 2}, {}]})

    operator_id: Id | None = Field(
        default=None,
        description="If absent or null, the service picks another operator.",
    )


class ReadCandidate(ResponseSchema):
    """An operator of the source, as it was when the choice was made."""

    operator_id: ReadId
    weight: int
    credit: Annotated[float, BeforeValidator(inquiries)] = Field(
        description="Inquiries that the strategy `smooth` owed the operator, to six decimals; "
        "negative if it was ahead."
    )
    load: int | None = Field(
        description="Active interactions over all sources, counted up to the highest load limit; "
        "null if the source enforces no limit or the operator has none."
    )
    load_limit: int | None
    passed_over: PassedOver | None = Field(
        description="Why the operator could not be picked; null if it could."
    )


class ReadAssignment(ResponseSchema):
    """An assignment of an interaction, with its reason."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "operator_id": 1,
                    "reason": "selected",
                    "strategy": "smooth",
                    "explanation": "Maria Ivanova (operator 1) was the only available operator. "
                    "Passed over: Boris Orlov (operator 2), at the limit of 5.",
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
    operator_id: ReadId | None = Field(
        description="The assigned operator; null if the interaction had to wait."
    )
    reason: Reason
    strategy: Strategy | None = Field(
        description="The strategy that picked the operator; null if none did."
    )
    explanation: str = Field(description="The assignment in words.")
    candidates: list[ReadCandidate]
    created_at: datetime
