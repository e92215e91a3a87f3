"""The service in its simplest form, written from what it promises: no speed, no storage."""

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import Any, TypeVar

from tests.stateful.records import (
    Answer,
    Assignment,
    Candidate,
    Interaction,
    Operator,
    Post,
    Source,
)

Found = TypeVar("Found")
INQUIRY = 72_201_776_446_800
"""The credit of one inquiry; credits are integers."""


class Refused(Exception):
    """The call changes nothing; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def split(amount: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Whole parts by weight that sum to the amount: the rest goes to the largest remainders."""
    total = sum(weights.values())
    exact = {id: Fraction(amount * weight, total) for id, weight in weights.items()}
    parts = {id: floor(part) for id, part in exact.items()}
    by_remainder = sorted(exact, key=lambda operator: (parts[operator] - exact[operator], operator))
    for id in by_remainder[: amount - sum(parts.values())]:
        parts[id] += 1
    return parts


def chairman(weights: Mapping[int, int], credits: dict[int, int]) -> int:
    """Tijdeman's pick, with credits of a whole inquiry first; updates the credits."""
    for id, part in split(INQUIRY, weights).items():
        credits[id] += part
    most = min(weights, key=lambda operator: (-credits[operator], operator))
    slack = Fraction(INQUIRY, max(1, 2 * len(weights) - 2))
    due = [id for id in weights if credits[id] >= slack]
    if credits[most] >= INQUIRY or not due:
        winner = most
    else:
        deadlines = {id: (INQUIRY - slack - credits[id]) / weights[id] for id in due}
        winner = min(due, key=lambda operator: (deadlines[operator], operator))
    credits[winner] -= INQUIRY
    return winner


class Model:
    """Operators, sources and interactions by id, and every call that changes them.

    `seen` has, by interaction id, the operator that was drawn where the strategy is `random`.
    """

    def __init__(self) -> None:
        self.operators: dict[int, Operator] = {}
        self.sources: dict[int, Source] = {}
        self.interactions: dict[int, Interaction] = {}
        self.answers: dict[tuple[int, str], tuple[Post, Answer]] = {}
        self.seen: Mapping[int, int | None] = {}

    def create_operator(self, fields: Mapping[str, Any]) -> int:
        self.operators[len(self.operators) + 1] = Operator(**fields)
        return len(self.operators)

    def create_source(self, fields: Mapping[str, Any]) -> int:
        self.sources[len(self.sources) + 1] = Source(**fields)
        return len(self.sources)

    def update_operator(self, operator_id: int, changes: Mapping[str, Any]) -> None:
        vars(self.operator(operator_id)).update(changes)
        self._assign_waiting()

    def update_source(self, source_id: int, changes: Mapping[str, Any]) -> None:
        vars(self.source(source_id)).update(changes)
        self._assign_waiting()

    def set_weights(self, source_id: int, weights: Mapping[int, int]) -> None:
        source = self.source(source_id)
        for operator_id in weights:
            self.operator(operator_id)
        left = sum(credit for id, credit in source.credits.items() if id not in weights)
        staying = {id: weight for id, weight in weights.items() if id in source.credits}
        by_weight = staying if any(staying.values()) else dict.fromkeys(staying, 1)
        shares = split(left, by_weight) if staying else {}
        source.credits = {id: source.credits.get(id, 0) + shares.get(id, 0) for id in weights}
        source.weights = dict(sorted(weights.items()))
        self._assign_waiting()

    def post(self, post: Post) -> Answer:
        self.source(post.source_id)
        post = post._replace(email=post.email.lower())
        slot = (post.source_id, post.key or "")
        if slot in self.answers:
            first, answer = self.answers[slot]
            if first != post:
                raise Refused("idempotency_key_reused")
            return answer._replace(replayed=True)
        id = len(self.interactions) + 1
        new = self.interactions[id] = Interaction(post.email, post.source_id, post.payload)
        self._move(new, self._select(id))
        answer = Answer(id, new.operator_id, replayed=False)
        if post.key is not None:
            self.answers[slot] = post, answer
        return answer

    def close(self, id: int) -> None:
        self.interaction(id).is_active = False
        self._assign_waiting()

    def assign(self, id: int, operator_id: int | None) -> None:
        interaction = self.interaction(id)
        source = self.sources[interaction.source_id]
        if not interaction.is_active:
            raise Refused("interaction_closed")
        if operator_id is None:
            move = self._choose(id, exclude=interaction.operator_id)
            if move.operator_id is None:
                raise Refused("nobody_else")
        elif operator_id == interaction.operator_id:
            return
        else:
            operator = self.operator(operator_id)
            if not operator.active:
                raise Refused("operator_inactive")
            if source.enforce_load_limit and self._is_full(operator_id):
                raise Refused("operator_at_limit")
            move = Assignment(operator_id, "manual", None, self.candidates(source))
        self._move(interaction, move)
        self._assign_waiting()

    def load(self, operator_id: int) -> int:
        return sum(
            interaction.is_active and interaction.operator_id == operator_id
            for interaction in self.interactions.values()
        )

    def queue(self, source_id: int) -> list[int]:
        """The waiting interactions of a source, oldest first."""
        return [
            id
            for id, interaction in self.interactions.items()
            if interaction.waits and interaction.source_id == source_id
        ]

    def candidates(self, source: Source) -> list[Candidate]:
        """The operators of a source in their present state."""
        candidates = []
        for id, weight in source.weights.items():
            operator = self.operators[id]
            limited = source.enforce_load_limit and operator.load_limit is not None
            passed_over = None
            if not operator.active:
                passed_over = "inactive"
            elif weight == 0:
                passed_over = "zero_weight"
            elif limited and self._is_full(id):
                passed_over = "at_limit"
            load = min(self.load(id), operator.load_limit or 0) if limited else None
            credit = round(source.credits[id] / INQUIRY, 6)
            candidates.append(Candidate(id, weight, credit, load, operator.load_limit, passed_over))
        return candidates

    def operator(self, id: int) -> Operator:
        return _found(self.operators, id, "operator_not_found")

    def source(self, id: int) -> Source:
        return _found(self.sources, id, "source_not_found")

    def interaction(self, id: int) -> Interaction:
        return _found(self.interactions, id, "interaction_not_found")

    def _is_full(self, operator_id: int) -> bool:
        limit = self.operators[operator_id].load_limit
        return limit is not None and self.load(operator_id) >= limit

    def _latest_operator(self, email: str) -> int | None:
        """The operator of this lead's latest interaction that has one."""
        operator_ids = [row.operator_id for row in self.interactions.values() if row.email == email]
        return next((id for id in reversed(operator_ids) if id is not None), None)

    def _choose(
        self, id: int, *, preferred: int | None = None, exclude: int | None = None
    ) -> Assignment:
        source = self.sources[self.interactions[id].source_id]
        candidates = self.candidates(source)
        weights = {row.operator_id: row.weight for row in candidates if row.passed_over is None}
        weights.pop(exclude or 0, None)
        if not weights:
            return Assignment(None, "waiting", None, candidates)
        if source.sticky and preferred in weights:
            return Assignment(preferred, "sticky", None, candidates)
        if source.strategy == "random":
            winner = self.seen[id]
            assert winner in weights, f"{winner} was drawn for {id}, of {weights}"
        else:
            winner = chairman(weights, source.credits)
        return Assignment(winner, "selected", source.strategy, candidates)

    def _select(self, id: int) -> Assignment:
        """The assignment of an interaction by its source's rules."""
        return self._choose(id, preferred=self._latest_operator(self.interactions[id].email))

    def _move(self, interaction: Interaction, move: Assignment) -> None:
        if interaction.operator_id is None and move.operator_id is not None:
            self._count(self.sources[interaction.source_id], move.operator_id, move.candidates)
        interaction.operator_id = move.operator_id
        interaction.assignments.append(move)
        if move.operator_id is not None:
            self.sources[interaction.source_id].assigned.add(move.operator_id)

    def _count(self, source: Source, operator_id: int, candidates: list[Candidate]) -> None:
        """Count a first assignment by weight; without weights, for the assigned operator alone."""
        total = sum(source.weights.values())
        quotas = {row.operator_id: Fraction(row.weight, total or 1) for row in candidates}
        for candidate in candidates:
            lost = candidate.operator_id, candidate.passed_over or ""
            source.lost[lost] = source.lost.get(lost, 0) + quotas[candidate.operator_id]
        for id, quota in (quotas if total else {operator_id: Fraction(1)}).items():
            source.target[id] = source.target.get(id, 0) + quota

    def _assign_waiting(self) -> None:
        """Assign every waiting interaction that has an available operator, oldest first."""
        for id, interaction in self.interactions.items():
            if interaction.waits:
                choice = self._select(id)
                if choice.operator_id is not None:
                    self._move(interaction, choice._replace(reason="from_queue"))


def _found(table: Mapping[int, Found], id: int, code: str) -> Found:
    if id not in table:
        raise Refused(code)
    return table[id]
