"""The records that the model keeps."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple


@dataclass
class Operator:
    """An operator."""

    active: bool = True
    load_limit: int | None = None


@dataclass
class Source:
    """A source of inquiries.

    In interactions: `target` is the quota of each operator, `lost` the part of it that was passed
    over for a reason, `assigned` the operators that ever got one.
    """

    strategy: str = "smooth"
    enforce_load_limit: bool = False
    sticky: bool = False
    weights: dict[int, int] = field(default_factory=dict)
    credits: dict[int, int] = field(default_factory=dict)
    assigned: set[int] = field(default_factory=set)
    target: dict[int, Fraction] = field(default_factory=dict)
    lost: dict[tuple[int, str], Fraction] = field(default_factory=dict)


class Candidate(NamedTuple):
    """An operator of a source in its present state.

    `load` is counted up to the limit, and is None where no limit is enforced.
    """

    operator_id: int
    weight: int
    credit: float
    load: int | None
    load_limit: int | None
    passed_over: str | None


class Assignment(NamedTuple):
    """An assignment of an interaction."""

    operator_id: int | None
    reason: str
    strategy: str | None
    candidates: list[Candidate]


@dataclass
class Interaction:
    """An inquiry that was accepted."""

    email: str
    source_id: int
    payload: Any
    operator_id: int | None = None
    is_active: bool = True
    assignments: list[Assignment] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        return self.is_active and self.operator_id is None


class Post(NamedTuple):
    """An inquiry as a bot sends it."""

    email: str
    source_id: int
    payload: Any = None
    key: str | None = None


class Answer(NamedTuple):
    """The response to a bot: the interaction, with its operator when it was accepted."""

    id: int
    operator_id: int | None
    replayed: bool
