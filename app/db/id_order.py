"""Lists in id order that skip no row, although several processes write to PostgreSQL.

A sequence allocates ids before their rows are committed, so a row may become visible after rows
with higher ids. A client that asks for rows after the last id that it knows would never see it.

For tables with many writes (`announcement`, `rows_in_order`): a transaction announces a lower bound
of its ids, the sequence's last value, before it allocates them, by a shared advisory lock that it
holds until it ends. A reader reads the highest visible id and, after that, the lowest announced
bound; a later statement lists the rows up to the lower of the two. If this statement does not see
an id in that range, the id was allocated before the highest one, by a transaction that held its
lock from then on; as the reader did not find the lock, the transaction had ended without a commit.
PostgreSQL releases locks after the rows are visible. This requires a sequence with CACHE 1 and
statements with snapshots of their own (READ COMMITTED).

For tables with few writes (`draw_alone`): one transaction at a time allocates ids.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Executable,
    Row,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import is_sqlite

KNOWN = "highest id up to which nothing can be added"
"""The key of that id in the `info` of connections that read in order. The id is lost with the
connection, as another server may have allocated fewer ids."""

UNTIL: BindParameter[int] = bindparam("until", 2**63 - 1)
"""The last id that a list may show; `rows_in_order` sets it."""

_SPACE = 7853
"""The upper 16 bits of the lock keys; the lower bits hold the bound."""
_BITS = 48
_ANNOUNCED: ColumnElement[int] = literal_column(
    "(SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) FROM pg_locks"
    " WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = 7853"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


def announcement(table: Table) -> ColumnElement[bool]:
    """A condition, always true, for the statement that allocates ids of this table.

    PostgreSQL evaluates it, and so takes the lock, before it allocates an id for the first row.
    """
    # Literal: parameters would take longer to send than the rest of the condition.
    key: ColumnElement[int] = literal_column(
        f"{_SPACE << _BITS} + least(coalesce(pg_sequence_last_value("
        f"'{table.name}_id_seq'::regclass), 0), {2**_BITS - 1})"
    )
    return select(func.pg_advisory_xact_lock_shared(key)).scalar_subquery().is_not(None)


async def draw_alone(session: AsyncSession, table: Table) -> None:
    """Keep other transactions from allocating ids of this table until this one ends."""
    if not is_sqlite(session):
        space = func.hashtext(table.name)
        await session.execute(select(func.pg_advisory_xact_lock(_SPACE, space)))


def rows_in_order(
    connection: Connection, statement: Executable, parameters: Mapping[str, Any], table: Table
) -> Sequence[Row[Any]]:
    """The rows of a list of this table in id order; the parameters are `after` and `UNTIL`.

    On a connection that does not read in order, such as one that writes, the statement just runs.
    """
    known = connection.info.get(KNOWN)
    if known is None or parameters["after"] < known:
        rows = connection.execute(statement, parameters).all()
        last_id = rows[-1].id if rows else None
        if known is None or last_id is None or last_id <= known:
            return rows
    until = connection.execute(_until(table)).scalar_one()
    connection.info[KNOWN] = max(known, until)
    return connection.execute(statement, {**parameters, UNTIL.key: until}).all()


@cache
def _until(table: Table) -> Select[tuple[int]]:
    highest_visible = select(func.max(table.c.id)).scalar_subquery()
    return select(func.coalesce(func.least(highest_visible, _ANNOUNCED), 0))
