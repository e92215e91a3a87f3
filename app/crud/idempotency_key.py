"""Idempotency keys in the database."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.crud.interaction import COLUMNS, InteractionRow
from app.db.bulk.in_list import in_list
from app.db.bulk.statement import bulk_insert
from app.db.bulk.together import Query
from app.models import Base, IdempotencyKey, Interaction

_table = Base.metadata.tables[IdempotencyKey.__tablename__]
# Two conditions instead of one on pairs, for which SQLite scans the whole table.
_ANSWERS = (
    select(_table.c.key, _table.c.fingerprint, _table.c.operator_id, *COLUMNS)
    .join(Interaction, Interaction.id == _table.c.interaction_id)
    .where(in_list(_table.c.source_id, "key_source_ids"), in_list(_table.c.key, "keys"))
)
_INSERT = bulk_insert(
    insert(_table), columns=["source_id", "key", "fingerprint", "interaction_id", "operator_id"]
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
        return await self.answers(slots).run(self._session)

    def answers(self, slots: Iterable[IdempotencySlot]) -> Query[dict[IdempotencySlot, Answer]]:
        """A query for `get_answers`."""
        wanted = set(slots)

        def parse(rows: Sequence[Sequence[Any]]) -> dict[IdempotencySlot, Answer]:
            # The same key may be in use in another of these sources.
            return {slot: answer for slot, answer in map(_answer, rows) if slot in wanted}

        source_ids = list({slot.source_id for slot in wanted})
        keys = list({slot.key for slot in wanted})
        return Query(_ANSWERS, {"key_source_ids": source_ids, "keys": keys}, parse)

    async def create_many(self, answers: Sequence[tuple[IdempotencySlot, Answer]]) -> None:
        """Store these answers, in one statement."""
        rows = [
            (*slot, answer.fingerprint, answer.interaction.id, answer.interaction.operator_id)
            for slot, answer in answers
        ]
        await _INSERT.run(self._session, rows)


def _answer(row: Sequence[Any]) -> tuple[IdempotencySlot, Answer]:
    key, fingerprint, operator_id, *columns = row
    current = InteractionRow._make(columns)
    answered = current._replace(operator_id=operator_id, is_active=True, closed_at=None)
    return IdempotencySlot(current.source_id, key), Answer(fingerprint, answered)
