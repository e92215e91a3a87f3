"""Ids for interactions that a transaction is about to create."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, bindparam, exists, func
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.next_ids import NextIds
from app.db.bulk.together import Query
from app.models import Base, IdempotencyKey, Interaction, Source

_interactions, _sources, _keys = (
    Base.metadata.tables[model.__tablename__] for model in (Interaction, Source, IdempotencyKey)
)
NEXT_IDS = NextIds(_interactions)
"""The next ids, of which all are used."""
_wanted = (
    func.unnest(
        bindparam("wanted_source_ids", type_=ARRAY(_sources.c.id.type, dimensions=1)),
        bindparam("wanted_keys", type_=ARRAY(_keys.c.key.type, dimensions=1)),
    )
    .table_valued("source_id", "key")
    .render_derived(name="wanted")
)
_NEXT_IDS_OF_NEW = NextIds(
    _interactions,
    _wanted,
    exists().where(_sources.c.id == _wanted.c.source_id),
    ~exists().where(_keys.c.source_id == _wanted.c.source_id, _keys.c.key == _wanted.c.key),
)


def next_ids_of_new(
    session: AsyncSession, wanted: Sequence[tuple[int, str | None]]
) -> Query[Sequence[int]]:
    """A query for ids, ascending: at least one for each interaction that is new.

    Args:
        session: the transaction.
        wanted: the source of each interaction, and its idempotency key if it has one, each once;
            those of missing sources, and with a key that is stored, are not new.

    """
    return _NEXT_IDS_OF_NEW.query(
        session,
        len(wanted),
        wanted_source_ids=[source_id for source_id, _ in wanted],
        wanted_keys=[key for _, key in wanted],
    )
