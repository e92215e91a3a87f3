"""Picks the operator who shall answer: the one place where the choice is made."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from random import Random
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.credits import INQUIRY, apportion
from app.core.distribution import Considered, PassedOver, Reason, Strategy
from app.crud import Candidate, Locked, Rotation, SourceOperatorSettingCRUD

_random = Random()


async def select_operator(session: AsyncSession, source_id: int) -> int | None:
    """The id of the operator for the source's next inquiry, by weight; None if there is nobody.

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
    """Pick the operator whose turn it is, and move the credits of all accordingly.

    Tijdeman's chairman assignment, with credits in inquiries: while the set of n operators stands,
    each is after every single pick within 1 - 1/(2n-2) inquiries of its exact share, the best bound
    there is. What is owed stays owed while the set changes, and no credit runs away: the largest is
    served first once it is a whole inquiry. Otherwise an operator that is owed at least the slack
    of 1/(2n-2) may be picked, and of these the one whose deadline comes first; if there are none,
    the one that is owed most. Among equals the lower id is first.

    Source: R. Tijdeman, The chairman assignment problem, Discrete Mathematics 32 (1980), 323-330.

    Args:
        weights: the positive weights of the n eligible operators, by id.
        credits: what each is owed, less what it owes, with `INQUIRY` for an inquiry. Changed in
            place by as much up as down; operators that are not eligible keep theirs.

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
        winner, winner_room = 0, 0
        for operator_id in due:
            # (S - S/parts - credit) / weight, compared without fractions by crosswise products.
            room = (slack_parts - 1) * INQUIRY - slack_parts * credits[operator_id]
            if not winner or room * weights[winner] < winner_room * weights[operator_id]:
                winner, winner_room = operator_id, room
    credits[winner] -= INQUIRY
    return winner


@lru_cache(maxsize=64)
def _parts_of_inquiry(ids: tuple[int, ...], weights: tuple[int, ...]) -> list[tuple[int, int]]:
    """What each weight is worth of an inquiry, by id; most picks are among the same operators."""
    return sorted(apportion(INQUIRY, dict(zip(ids, weights, strict=True))).items())


class Choice(NamedTuple):
    """Who was chosen, why and by which strategy if by one, and among whom."""

    operator_id: int | None
    reason: Reason
    strategy: Strategy | None
    candidates: list[Considered]


class Distributor:
    """The choices of one transaction: each sees the credits and loads the earlier ones left."""

    def __init__(self, rotations: Mapping[int, Rotation], random: Random = _random) -> None:
        self.rotations = rotations
        self._loads = {
            one.operator_id: one.load
            for rotation in rotations.values()
            for one in rotation.candidates
            if one.load is not None
        }
        self._random = random
        self._credits = {
            source_id: {one.operator_id: one.credit for one in rotation.candidates}
            for source_id, rotation in rotations.items()
        }

    def choose(
        self, source_id: int, *, preferred: int | None = None, without: int | None = None
    ) -> Choice:
        """Choose for an inquiry of this source.

        Args:
            source_id: one of `rotations`.
            preferred: the operator of a returning lead, taken by a sticky source if eligible.
            without: an operator that shall not be chosen.

        """
        rotation = self.rotations[source_id]
        candidates = self.consider(source_id)
        eligible = {
            one.operator_id: one.weight
            for one in candidates
            if one.passed_over is None and one.operator_id != without
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
        """Let an inquiry wait its turn, whoever is there."""
        return Choice(None, "waiting", None, self.consider(source_id))

    def consider(self, source_id: int) -> list[Considered]:
        """The source's operators as they stand, by operator id."""
        credits, loads = self._credits[source_id], self._loads
        considered = []
        for id, weight, active, limit, _, initial_load in self.rotations[source_id].candidates:
            load = None if initial_load is None else loads[id]
            passed_over: PassedOver | None = None
            if not active:
                passed_over = "inactive"
            elif weight == 0:
                passed_over = "zero_weight"
            elif load is not None and limit is not None and load >= limit:
                passed_over = "at_limit"
            considered.append(Considered(id, weight, credits[id], load, limit, passed_over))
        return considered

    def changed_credits(self) -> dict[tuple[int, int], int]:
        """The credits that the choices have changed, by source and operator."""
        return {
            (source_id, one.operator_id): credit
            for source_id, rotation in self.rotations.items()
            for one in rotation.candidates
            if (credit := self._credits[source_id][one.operator_id]) != one.credit
        }

    def room(self, source_ids: Iterable[int]) -> dict[int, float]:
        """How many inquiries each of these sources can give out; those that can none are left out.

        Where operators are shared, so is their room.
        """
        rooms = {
            source_id: sum(
                float("inf") if one.load is None else (one.load_limit or 0) - one.load
                for one in self.consider(source_id)
                if one.passed_over is None
            )
            for source_id in source_ids
        }
        return {source_id: room for source_id, room in rooms.items() if room}

    def _pick(self, source_id: int, strategy: Strategy, eligible: Mapping[int, int]) -> int:
        if strategy == "random":
            return pick_random(eligible, self._random)
        return pick_smooth(eligible, self._credits[source_id])

    def _take(self, operator_id: int) -> None:
        if operator_id in self._loads:
            self._loads[operator_id] += 1


async def open_distributor(
    session: AsyncSession, source_ids: Collection[int], locked: Locked | None = None
) -> Distributor:
    """Read what the choices for these sources depend on, and let nobody else change it."""
    return Distributor(await SourceOperatorSettingCRUD(session).lock_rotations(source_ids, locked))


async def write_credits(session: AsyncSession, distributor: Distributor) -> None:
    """Keep the credits that the choices left."""
    changed = distributor.changed_credits()
    if changed:
        await SourceOperatorSettingCRUD(session).set_credits(changed)


def expected_shares(candidates: Iterable[Candidate]) -> dict[int, float]:
    """The share of inquiries, 0 to 1, that each active one gets in the long run, by operator id."""
    weights = {one.operator_id: one.weight if one.active else 0 for one in candidates}
    total = sum(weights.values())
    return {
        operator_id: weight / total if total else 0.0 for operator_id, weight in weights.items()
    }
