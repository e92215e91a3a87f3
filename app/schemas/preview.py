"""Previews of a source's assignments, as admins request and read them."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.core.distribution import Strategy
from app.core.limits import MAX_ID, MAX_PREVIEW
from app.schemas.base import PlainNumber, ReadId, RequestSchema, ResponseSchema
from app.schemas.source import SetSourceOperators


class PreviewSource(RequestSchema):
    """How many inquiries to simulate, under the current rules or those given here."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"count": 10},
                {
                    "count": 10,
                    "weights": [
                        {"operator_id": 1, "weight": 1},
                        {"operator_id": 2, "weight": 3},
                    ],
                    "strategy": "random",
                    "seed": 1,
                },
            ]
        }
    )

    count: Annotated[int, Field(strict=True, ge=1, le=MAX_PREVIEW)] = Field(
        default=100, description="The number of inquiries of new leads to simulate."
    )
    weights: SetSourceOperators | None = Field(
        default=None, description="The whole list of weights; by default the current one."
    )
    strategy: Strategy | None = None
    seed: Annotated[int, Field(strict=True, ge=0, le=MAX_ID), PlainNumber] | None = Field(
        default=None, description="Makes the draws of `random` repeatable."
    )


class ReadOperatorPreview(ResponseSchema):
    """What an operator would be assigned in a preview."""

    operator_id: ReadId
    weight: int
    picks: int
    share: float | None = Field(
        description="The operator's share of all picks, from 0 to 1; null if there were no picks."
    )
    target_share: float = Field(description="The share expected in the long run, without limits.")
    full_after: int | None = Field(
        description="The number of the pick after which the operator is at its limit; 0 if it is "
        "at its limit already, null if it does not reach its limit."
    )


class ReadPreview(ResponseSchema):
    """The operators that would be assigned the next inquiries; nothing was written."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "sequence": [2, 1, 2],
                    "operators": [
                        {
                            "operator_id": 1,
                            "weight": 1,
                            "picks": 1,
                            "share": 0.3333333333333333,
                            "target_share": 0.25,
                            "full_after": None,
                        },
                        {
                            "operator_id": 2,
                            "weight": 3,
                            "picks": 2,
                            "share": 0.6666666666666666,
                            "target_share": 0.75,
                            "full_after": 3,
                        },
                    ],
                }
            ]
        }
    )

    sequence: list[ReadId | None] = Field(
        description="The operators in order; null where no operator would be available."
    )
    operators: list[ReadOperatorPreview]
