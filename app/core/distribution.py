"""The words of the distribution: rules, reasons, and what is considered."""

from typing import Literal, NamedTuple

from typing_extensions import TypeAliasType

# Named types, so that the OpenAPI document and the clients made from it know them by these names.
Strategy = TypeAliasType("Strategy", Literal["smooth", "random"])
"""Evenly at every moment, or by lot; by weight either way."""

Reason = TypeAliasType("Reason", Literal["selected", "sticky", "waiting", "from_queue", "manual"])
"""Picked at once; the lead's latest operator; no operator available; from the queue; by hand."""

PassedOver = TypeAliasType("PassedOver", Literal["inactive", "at_limit", "zero_weight"])
"""Why a candidate could not be picked."""


class Considered(NamedTuple):
    """An operator as it stood when a choice was made."""

    operator_id: int
    weight: int
    credit: int
    """What `smooth` owed it, less what it owed; see `core.credits`."""
    load: int | None
    """Active interactions over all sources, as far as limits reach; None where none is enforced."""
    load_limit: int | None
    passed_over: PassedOver | None
