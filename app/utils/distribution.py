"""Chooses the assigned operator; no other module makes this choice."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from random import Random
from typing import NamedTuple, assert_never

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.credits import INQUIRY, apportion
from app.core.distribution import CandidateSnapshot, PassedOver, Reason, Strategy
from app.crud import Candidate, Locked, Rotation, SourceOperatorSettingCRUD
from app.crud.assignment import NewAssignment

_random = Random()


async def select_operator(session: AsyncSession, source_id: int) -> int | None:
    """The id of the operator for the source's next inquiry, by weight; None if none is available.

    For a single inquiry. Intake opens one `Distributor` for a whole batch.
    """
    distributor = await open_distributor(session, [source_id])
    if source_id not in distributor.rotations:
        return None
    choice = distributor.choose(source_id)
    await write_credits(session, distributor)
    return choice.operator_id


def pick_random(weights: Mapping[int, int], random: Random) -> int:
    """Draw an operator's id, each with probability weight / sum of weights."""
    [winner] = random.choices(list(weights), list(weights.values()))
    return winner


def pick_smooth(weights: Mapping[int, int], credits: dict[int, int]) -> int:
    """Pick the operator that is next in turn, and update the credits of all.

    Tijdeman's chairman assignment, with credits in inquiries. While the set of n operators does not
    change, each is within 1 - 1/(2n-2) inquiries of its exact share after every pick, which is the
    best possible bound. When the set changes, credits do not. No credit grows without bound, as an
    operator that is owed a whole inquiry or more is picked first, the largest credit before others.
    Otherwise, of the operators that are owed at least the slack of 1/(2n-2), the one with the
    earliest deadline is picked; if there are none, the one with the largest credit. Ties go to the
    lower id.

    Source: R. Tijdeman, The chairman assignment problem, Discrete Mathematics 32 (1980), 323-330.

    Args:
        weights: the positive weights of the n eligible operators, by id.
        credits: what each is owed, negative if it is ahead; `INQUIRY` is one inquiry. Updated in
            place with their sum unchanged; operators that are not eligible keep theirs.

    """
    if len(weights) == 1:
        [winner] = weights
        return winner
    slack_parts = 2 * len(weights) - 2
    slack = -(-INQUIRY // slack_parts)
    due, first, largest = [], 0, 0
    for operator_id, part in _parts_of_inquiry(tuple(weights), tuple(weights.values())):
        credits[operator_id] = credit = credits.get(operator_id, 0) + part
        if credit >= slack:
            due.append(operator_id)
        if not first or credit > largest:
            first, largest = operator_id, credit
    winner = first
    if largest < INQUIRY and len(due) > 1:
        winner, winner_headroom = 0, 0
        for operator_id in due:
            # (S - S/parts - credit) / weight, compared without fractions by cross-multiplication.
            headroom = (slack_parts - 1) * INQUIRY - slack_parts * credits[operator_id]
            if not winner or headroom * weights[winner] < winner_headroom * weights[operator_id]:
                winner, winner_headroom = operator_id, headroom
    credits[winner] -= INQUIRY
    return winner


@lru_cache(maxsize=64)
def _parts_of_inquiry(ids: tuple[int, ...], weights: tuple[int, ...]) -> list[tuple[int, int]]:
    """Each weight's part of an inquiry, by id; cached: most picks are among the same operators."""
    return sorted(apportion(INQUIRY, dict(zip(ids, weights, strict=True))).items())


class Choice(NamedTuple):
    """The operator chosen, the reason, the strategy if one decided, and the candidates."""

    operator_id: int | None
    reason: Reason
    strategy: Strategy | None
    candidates: list[CandidateSnapshot]

    def assignment_of(self, interaction_id: int) -> NewAssignment:
        """The choice as the assignment of this interaction."""
        return NewAssignment(
            interaction_id=interaction_id,
            operator_id=self.operator_id,
            reason=self.reason,
            strategy=self.strategy,
            candidates=self.candidates,
        )


class Distributor:
    """Makes one transaction's choices; each sees the credits and loads that earlier ones left."""

    def __init__(self, rotations: Mapping[int, Rotation], random: Random = _random) -> None:
        self.rotations = rotations
        self._loads = {
            candidate.operator_id: candidate.load
            for rotation in rotations.values()
            for candidate in rotation.candidates
            if candidate.load is not None
        }
        self._random = random
        self._credits = {
            source_id: {
                candidate.operator_id: candidate.credit for candidate in rotation.candidates
            }
            for source_id, rotation in rotations.items()
        }

    def choose(
        self, source_id: int, *, preferred: int | None = None, exclude: int | None = None
    ) -> Choice:
        """Choose for an inquiry of this source.

        Args:
            source_id: one of `rotations`.
            preferred: the lead's latest operator; a sticky source chooses it if eligible.
            exclude: an operator that must not be chosen.

        """
        rotation = self.rotations[source_id]
        candidates = self.consider(source_id)
        eligible = {
            candidate.operator_id: candidate.weight
            for candidate in candidates
            if candidate.passed_over is None and candidate.operator_id != exclude
        }
        if not eligible:
            return Choice(None, "waiting", None, candidates)
        if rotation.sticky and preferred in eligible:
            self._take(preferred)
            return Choice(preferred, "sticky", None, candidates)
        winner = self._pick(source_id, rotation.strategy, eligible)
        self._take(winner)
        return Choice(winner, "selected", rotation.strategy, candidates)

    def queue_up(self, source_id: int) -> Choice:
        """Let an inquiry wait, even if an operator is available."""
        return Choice(None, "waiting", None, self.consider(source_id))

    def consider(self, source_id: int) -> list[CandidateSnapshot]:
        """The source's operators as they are now, by operator id."""
        credits, loads = self._credits[source_id], self._loads
        snapshots = []
        for id, weight, active, limit, _, initial_load in self.rotations[source_id].candidates:
            load = None if initial_load is None else loads[id]
            passed_over: PassedOver | None = None
            if not active:
                passed_over = "inactive"
            elif weight == 0:
                passed_over = "zero_weight"
            elif load is not None and limit is not None and load >= limit:
                passed_over = "at_limit"
            snapshots.append(CandidateSnapshot(id, weight, credits[id], load, limit, passed_over))
        return snapshots

    def changed_credits(self) -> dict[tuple[int, int], int]:
        """The credits that the choices have changed, by source and operator."""
        return {
            (source_id, candidate.operator_id): credit
            for source_id, rotation in self.rotations.items()
            for candidate in rotation.candidates
            if (credit := self._credits[source_id][candidate.operator_id]) != candidate.credit
        }

    def free_capacity(self, source_ids: Iterable[int]) -> dict[int, float]:
        """How many inquiries each source can assign; sources without capacity are left out.

        Operators of several sources count in each of them.
        """
        capacities = {
            source_id: sum(
                float("inf")
                if candidate.load is None
                else (candidate.load_limit or 0) - candidate.load
                for candidate in self.consider(source_id)
                if candidate.passed_over is None
            )
            for source_id in source_ids
        }
        return {source_id: capacity for source_id, capacity in capacities.items() if capacity}

    def _pick(self, source_id: int, strategy: Strategy, eligible: Mapping[int, int]) -> int:
        match strategy:
            case "smooth":
                return pick_smooth(eligible, self._credits[source_id])
            case "random":
                return pick_random(eligible, self._random)
            case unknown:
                assert_never(unknown)

    def _take(self, operator_id: int) -> None:
        if operator_id in self._loads:
            self._loads[operator_id] += 1


async def open_distributor(
    session: AsyncSession, source_ids: Collection[int], locked: Locked | None = None
) -> Distributor:
    """Lock these sources and their operators, and read what their choices depend on."""
    return Distributor(await SourceOperatorSettingCRUD(session).lock_rotations(source_ids, locked))


async def write_credits(session: AsyncSession, distributor: Distributor) -> None:
    """Write the credits that the choices changed."""
    changed = distributor.changed_credits()
    if changed:
        await SourceOperatorSettingCRUD(session).set_credits(changed)


def expected_shares(candidates: Iterable[Candidate]) -> dict[int, float]:
    """The share of inquiries, 0 to 1, that each operator gets in the long run, by operator id."""
    weights = {
        candidate.operator_id: candidate.weight if candidate.active else 0
        for candidate in candidates
    }
    total = sum(weights.values())
    return {
        operator_id: weight / total if total else 0.0 for operator_id, weight in weights.items()
    }
