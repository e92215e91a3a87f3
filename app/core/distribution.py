"""Terms of the distribution: strategies, reasons and candidates."""

from typing import Literal, NamedTuple

from typing_extensions import TypeAliasType

# Named types, so that the OpenAPI document and generated clients use these names.
Strategy = TypeAliasType("Strategy", Literal["smooth", "random"])
"""`smooth` keeps shares close to the weights after every inquiry; `random` draws by weight."""

Reason = TypeAliasType("Reason", Literal["selected", "sticky", "waiting", "from_queue", "manual"])
"""`selected`: the strategy chose the operator. `sticky`: the lead's latest operator. `waiting`: no
operator was available, or older interactions waited. `from_queue`: the service assigned it after it
had waited. `manual`: staff chose the operator."""

PassedOver = TypeAliasType("PassedOver", Literal["inactive", "at_limit", "zero_weight"])
"""Why a candidate was not eligible."""


class CandidateSnapshot(NamedTuple):
    """The state of an operator when a choice was made."""

    operator_id: int
    weight: int
    credit: int
    """What `smooth` owes the operator, negative if the operator is ahead; see `core.credits`."""
    load: int | None
    """Active interactions over all sources, counted up to the highest load limit.

    None if the source enforces no limit, or the operator has none.
    """
    load_limit: int | None
    passed_over: PassedOver | None
