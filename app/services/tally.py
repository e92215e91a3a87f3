"""Counts each operator's interactions by source, for the reports and the metrics."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from functools import partial

from app.core.credits import apportion
from app.core.distribution import PassedOver, Reason
from app.core.metrics import count_assignments
from app.crud import DailyCountCRUD, Rotation
from app.crud.daily_count import CountKey, Counts
from app.db.session import WriteSession
from app.utils.distribution import Choice

BILLION = 1_000_000_000
"""Targets are counted in billionths of an interaction, as integers add up exactly."""


class Tally:
    """The changes of one transaction to the daily counts.

    When an interaction is assigned for the first time, the target of each operator of the source
    grows by its quota: its weight's part of one interaction, whether it is available or not. If no
    operator has a weight above 0, the quota of the assigned operator is the whole interaction. So
    the targets sum exactly to the number of assigned interactions.
    """

    def __init__(self, rotations: Mapping[int, Rotation]) -> None:
        self._rotations = rotations
        self._reasons: Counter[tuple[int, Reason]] = Counter()
        self._moves: Counter[CountKey] = Counter()
        self._assigned: defaultdict[tuple[int, date], Counter[int]] = defaultdict(Counter)
        self._passed_over: Counter[tuple[CountKey, PassedOver]] = Counter()

    def count_assigned(self, source_id: int, created_at: datetime, choice: Choice) -> None:
        """Count an interaction's first assignment, or that it has to wait."""
        self._reasons[source_id, choice.reason] += 1
        if choice.operator_id is None:
            return
        day = created_at.date()
        self._assigned[source_id, day][choice.operator_id] += 1
        self._moves[CountKey(source_id, day, choice.operator_id)] += 1
        for candidate in choice.candidates:
            if candidate.passed_over is not None:
                key = CountKey(source_id, day, candidate.operator_id)
                self._passed_over[key, candidate.passed_over] += 1

    def move(
        self, source_id: int, created_at: datetime, old: int, new: int, reason: Reason
    ) -> None:
        """Count an interaction that was reassigned from one operator to another."""
        self._reasons[source_id, reason] += 1
        day = created_at.date()
        self._moves[CountKey(source_id, day, new)] += 1
        self._moves[CountKey(source_id, day, old)] -= 1

    async def write(self, session: WriteSession) -> None:
        """Add the changes to the daily counts."""
        changes = {key: Counts(interactions=moves) for key, moves in self._moves.items()}
        for (source_id, day), assigned in self._assigned.items():
            weights = _positive_weights(self._rotations[source_id])
            count = assigned.total()
            for operator_id, quota in apportion(BILLION * count, weights or assigned).items():
                key = CountKey(source_id, day, operator_id)
                changes[key] = changes.get(key, Counts())._replace(
                    target=quota,
                    lost_to_limit=quota * self._passed_over[key, "at_limit"] // count,
                    lost_to_inactivity=quota * self._passed_over[key, "inactive"] // count,
                )
        if changes:
            await DailyCountCRUD(session).add(changes)
        session.on_commit(partial(count_assignments, self._reasons))


def _positive_weights(rotation: Rotation) -> dict[int, int]:
    """Weights above 0 by operator id, including operators that are inactive or at their limit."""
    return {
        candidate.operator_id: candidate.weight
        for candidate in rotation.candidates
        if candidate.weight
    }
