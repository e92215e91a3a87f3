"""What the model keeps."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple


@dataclass
class Operator:
    """Somebody who answers."""

    active: bool = True
    load_limit: int | None = None


@dataclass
class Source:
    """Where inquiries come from.

    In interactions: `target` is what the weights were worth by operator, `lost` the part of it that
    passed one over for a reason, `had` who ever had one.
    """

    strategy: str = "smooth"
    enforce_load_limit: bool = False
    sticky: bool = False
    weights: dict[int, int] = field(default_factory=dict)
    credits: dict[int, int] = field(default_factory=dict)
    had: set[int] = field(default_factory=set)
    target: dict[int, Fraction] = field(default_factory=dict)
    lost: dict[tuple[int, str], Fraction] = field(default_factory=dict)


class Candidate(NamedTuple):
    """An operator of a source as it stands.

    `load` is counted up to the limit, and is None where none is enforced.
    """

    operator_id: int
    weight: int
    credit: float
    load: int | None
    load_limit: int | None
    passed_over: str | None


class Assignment(NamedTuple):
    """A move of an interaction."""

    operator_id: int | None
    reason: str
    strategy: str | None
    candidates: list[Candidate]


@dataclass
class Interaction:
    """An inquiry that was taken in."""

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
    """What a bot gets: whose the interaction was when it was taken in."""

    id: int
    operator_id: int | None
    replayed: bool
