"""Terms of the distribution: strategies, reasons and candidates."""

from typing import Literal, NamedTuple

from typing_extensions import TypeAliasType

# Named types, so that the OpenAPI document and generated clients use these names.
Strategy = TypeAliasType("Strategy", Literal["smooth", "random"])
"""Evenly at every moment, or at random; by weight either way."""

Reason = TypeAliasType("Reason", Literal["selected", "sticky", "waiting", "from_queue", "manual"])
"""Picked at once; the lead's latest operator; none available; from the queue; by hand."""

PassedOver = TypeAliasType("PassedOver", Literal["inactive", "at_limit", "zero_weight"])
"""Why a candidate was not eligible."""


class CandidateSnapshot(NamedTuple):
    """The state of an operator when a choice was made."""

    operator_id: int
    weight: int
    credit: int
    """What it is owed under `smooth`, negative if it owes; see `core.credits`."""
    load: int | None
    """Active interactions over all sources, counted up to the limit; None if none is enforced."""
    load_limit: int | None
    passed_over: PassedOver | None
