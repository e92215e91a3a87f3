"""Keeps count of who gets what of which source, for the reports and the metrics."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from functools import partial

from app.core.credits import apportion
from app.core.distribution import PassedOver, Reason
from app.core.metrics import count_assignments
from app.crud import DailyCountCRUD, Rotation
from app.crud.daily_count import CountKey, Counts
from app.db.database import WriteSession
from app.utils.distribution import Choice

BILLION = 1_000_000_000
"""Parts of an interaction that targets are counted in: whole numbers add up exactly."""


class Tally:
    """What one transaction changes in the daily counts.

    Of every interaction that gets its first operator, each operator of the source has a target: the
    part that its weight is worth, be it available or not. Where no operator has a weight, it is all
    due to the one that got it. So targets sum to what was given out, to the last billionth.
    """

    def __init__(self, rotations: Mapping[int, Rotation]) -> None:
        self._rotations = rotations
        self._reasons: Counter[tuple[int, Reason]] = Counter()
        self._moves: Counter[CountKey] = Counter()
        self._given_out: defaultdict[tuple[int, date], Counter[int]] = defaultdict(Counter)
        self._passed_over: Counter[tuple[CountKey, PassedOver]] = Counter()

    def count_assigned(self, source_id: int, created_at: datetime, choice: Choice) -> None:
        """Count an interaction that got its first operator, or waits."""
        self._reasons[source_id, choice.reason] += 1
        if choice.operator_id is None:
            return
        day = created_at.date()
        self._given_out[source_id, day][choice.operator_id] += 1
        self._moves[CountKey(source_id, day, choice.operator_id)] += 1
        for one in choice.candidates:
            if one.passed_over is not None:
                self._passed_over[CountKey(source_id, day, one.operator_id), one.passed_over] += 1

    def move(
        self, source_id: int, created_at: datetime, old: int, new: int, reason: Reason
    ) -> None:
        """Count an interaction that went from one operator to another."""
        self._reasons[source_id, reason] += 1
        day = created_at.date()
        self._moves[CountKey(source_id, day, new)] += 1
        self._moves[CountKey(source_id, day, old)] -= 1

    async def write(self, session: WriteSession) -> None:
        """Add it all to the counts."""
        changes = {slot: Counts(interactions=moves) for slot, moves in self._moves.items()}
        for (source_id, day), got in self._given_out.items():
            weights = _positive_weights(self._rotations[source_id])
            count = got.total()
            for operator_id, target in apportion(BILLION * count, weights or got).items():
                slot = CountKey(source_id, day, operator_id)
                changes[slot] = changes.get(slot, Counts())._replace(
                    target=target,
                    lost_to_limit=target * self._passed_over[slot, "at_limit"] // count,
                    lost_to_inactivity=target * self._passed_over[slot, "inactive"] // count,
                )
        if changes:
            await DailyCountCRUD(session).add(changes)
        session.on_commit(partial(count_assignments, self._reasons))


def _positive_weights(rotation: Rotation) -> dict[int, int]:
    """By operator id, of those that are inactive or at their limit, too."""
    return {one.operator_id: one.weight for one in rotation.candidates if one.weight}
