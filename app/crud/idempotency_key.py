"""Idempotency keys in the database."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.crud.interaction import COLUMNS, InteractionRow
from app.db.bulk.execute import execute
from app.db.bulk.in_list import in_list
from app.models import Base, IdempotencyKey, Interaction

_table = Base.metadata.tables[IdempotencyKey.__tablename__]
# Two conditions instead of one on pairs, for which SQLite scans the whole table.
_ANSWERS = (
    select(_table.c.key, _table.c.fingerprint, _table.c.operator_id, *COLUMNS)
    .join(Interaction, Interaction.id == _table.c.interaction_id)
    .where(in_list(_table.c.source_id, "source_ids"), in_list(_table.c.key, "keys"))
)


class IdempotencySlot(NamedTuple):
    """A key, and the source within which it is unique."""

    source_id: int
    key: str


class Answer(NamedTuple):
    """The answer to the first request under a key."""

    fingerprint: bytes
    interaction: InteractionRow


class IdempotencyKeyCRUD:
    """Stores and finds the answers to requests with a key."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get_answers(self, slots: Iterable[IdempotencySlot]) -> dict[IdempotencySlot, Answer]:
        """The stored answers of the keys that were used before, in one statement."""
        wanted = set(slots)
        rows = await execute(
            self._session,
            _ANSWERS,
            {
                "source_ids": list({slot.source_id for slot in wanted}),
                "keys": list({slot.key for slot in wanted}),
            },
        )
        answers = {}
        for key, fingerprint, operator_id, *columns in rows:
            current = InteractionRow._make(columns)
            answered = current._replace(operator_id=operator_id, is_active=True, closed_at=None)
            answers[IdempotencySlot(current.source_id, key)] = Answer(fingerprint, answered)
        # The same key may be in use in another of these sources.
        return {slot: answer for slot, answer in answers.items() if slot in wanted}

    async def create_many(self, answers: Sequence[tuple[IdempotencySlot, Answer]]) -> None:
        """Store these answers, in one statement."""
        rows = [
            {
                "source_id": slot.source_id,
                "key": slot.key,
                "fingerprint": answer.fingerprint,
                "interaction_id": answer.interaction.id,
                "operator_id": answer.interaction.operator_id,
            }
            for slot, answer in answers
        ]
        await self._session.execute(insert(_table), rows)
