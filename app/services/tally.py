"""Keeps count of who gets what of which source, for the reports and the metrics."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.core.distribution import PassedOver, Reason
from app.core.metrics import count_assignments
from app.crud import DailyCountCRUD, Rotation
from app.crud.daily_count import Counts, Slot
from app.utils.distribution import Choice

MILLION = 1_000_000
"""Parts of an interaction that targets are counted in: whole numbers add up exactly."""

_REASONS = "assignments by source and reason"


@event.listens_for(Session, "after_commit")
def _count_what_is_committed(session: Session) -> None:
    count_assignments(session.info.pop(_REASONS, Counter()))


class Tally:
    """What one transaction changes in the daily counts."""

    def __init__(self, rotations: Mapping[int, Rotation]) -> None:
        self._rotations = rotations
        self._reasons: Counter[tuple[int, Reason]] = Counter()
        self._moves: Counter[Slot] = Counter()
        self._given_out: Counter[tuple[int, date]] = Counter()
        self._passed_over: Counter[tuple[Slot, PassedOver]] = Counter()

    def give_out(self, source_id: int, created_at: datetime, choice: Choice) -> None:
        """Count an interaction that got its first operator by the source's rules, or waits."""
        self._reasons[source_id, choice.reason] += 1
        if choice.operator_id is None:
            return
        day = created_at.date()
        self._given_out[source_id, day] += 1
        self._moves[Slot(source_id, day, choice.operator_id)] += 1
        for one in choice.candidates:
            if one.passed_over is not None:
                self._passed_over[Slot(source_id, day, one.operator_id), one.passed_over] += 1

    def move(
        self, source_id: int, created_at: datetime, old: int | None, new: int, reason: Reason
    ) -> None:
        """Count an interaction that went from one operator, or from nobody, to another."""
        self._reasons[source_id, reason] += 1
        day = created_at.date()
        self._moves[Slot(source_id, day, new)] += 1
        if old is not None:
            self._moves[Slot(source_id, day, old)] -= 1

    async def write(self, session: AsyncSession) -> None:
        """Add it all to the counts."""
        changes = {slot: Counts(interactions=moves) for slot, moves in self._moves.items()}
        for (source_id, day), times in self._given_out.items():
            for operator_id, worth in _worths(self._rotations[source_id]):
                slot = Slot(source_id, day, operator_id)
                changes[slot] = changes.get(slot, Counts())._replace(
                    target=times * worth,
                    lost_to_limit=self._passed_over[slot, "at_limit"] * worth,
                    lost_to_inactivity=self._passed_over[slot, "inactive"] * worth,
                )
        if changes:
            await DailyCountCRUD(session).add(changes)
        session.info.setdefault(_REASONS, Counter()).update(self._reasons)


def _worths(rotation: Rotation) -> Iterator[tuple[int, int]]:
    """What each operator's weight is worth of an interaction, in millionths, whoever is there."""
    total = sum(one.weight for one in rotation.candidates)
    for one in rotation.candidates:
        if one.weight:
            yield one.operator_id, MILLION * one.weight // total
