"""What would come of a source's weights, as admins try it."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.core.distribution import Strategy
from app.core.limits import MAX_ID, MAX_PREVIEW
from app.schemas.base import PlainNumber, ReadId, RequestSchema, ResponseSchema
from app.schemas.source import SetSourceOperators


class PreviewSource(RequestSchema):
    """How many inquiries to play through, and under what rules; absent ones are the present."""

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
        default=100, description="Inquiries of new leads to play through."
    )
    weights: SetSourceOperators | None = Field(
        default=None, description="The whole list, as it would be put."
    )
    strategy: Strategy | None = None
    seed: Annotated[int, Field(strict=True, ge=0, le=MAX_ID), PlainNumber] | None = Field(
        default=None, description="Makes `random` draw the same each time."
    )


class ReadOperatorPreview(ResponseSchema):
    """What an operator would get."""

    operator_id: ReadId
    weight: int
    picks: int
    share: float | None = Field(description="Of all picks, 0 to 1; null if there were none.")
    target_share: float = Field(description="Expected in the long run, limits left aside.")
    full_after: int | None = Field(
        description="The number of the pick after which it is at its limit: 0 if it is already; "
        "null if it is not by the end."
    )


class ReadPreview(ResponseSchema):
    """Who would get the next inquiries; nothing was written."""

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
        description="Operators in order; null where none would be available."
    )
    operators: list[ReadOperatorPreview]
