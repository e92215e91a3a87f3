"""Lists in the order of ids that skip nothing, though several processes of PostgreSQL write.

A sequence hands out ids before their rows are committed, so a row may become visible after rows
with higher ids. A client that asks for what follows the last id it knows would never see it.

For a table into which much is written (`announcement`, `rows_in_order`): before it draws ids a
transaction announces a lower bound of them, the sequence's last value, by a shared advisory lock
that lasts as long as the transaction. A reader takes the highest visible id and, after that, the
lowest announced bound; it shows what is not above either of the two, by a later statement. An id up
to there that this statement does not see was drawn before the highest one was, by a transaction
whose lock was held since; as the lock was gone when the reader looked, the transaction had ended,
and it was not committed. PostgreSQL gives locks back after the rows are visible. This needs a
sequence with CACHE 1 and statements with snapshots of their own (READ COMMITTED).

For a table into which little is written (`draw_alone`): ids are drawn by one transaction at a time.
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

KNOWN = "highest id up to which nothing can be added"
"""In the `info` of connections that read in order; it ends with the connection, as another server
may have given out fewer ids."""

UNTIL: BindParameter[int] = bindparam("until", 2**63 - 1)
"""The last id that a list may show; `rows_in_order` sets it."""

_SPACE = 7853
"""The upper 16 bits of the locks' keys; the others hold the bound."""
_BITS = 48
_ANNOUNCED: ColumnElement[int] = literal_column(
    "(SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) FROM pg_locks"
    " WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = 7853"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


def announcement(table: Table) -> ColumnElement[bool]:
    """A condition, always true, to put into the INSERT that draws ids of this table.

    The condition is evaluated, and so the lock is held, before the first row that satisfies it is
    given an id.
    """
    # Written out: parameters would take longer to send than all the rest of it.
    key: ColumnElement[int] = literal_column(
        f"{_SPACE << _BITS} + least(coalesce(pg_sequence_last_value("
        f"'{table.name}_id_seq'::regclass), 0), {2**_BITS - 1})"
    )
    return select(func.pg_advisory_xact_lock_shared(key)).scalar_subquery().is_not(None)


async def draw_alone(session: AsyncSession, table: Table) -> None:
    """Let no other transaction draw ids of this table until this one ends."""
    if session.get_bind().dialect.name != "sqlite":
        space = func.hashtext(table.name)
        await session.execute(select(func.pg_advisory_xact_lock(_SPACE, space)))


def rows_in_order(
    connection: Connection, statement: Executable, parameters: Mapping[str, Any], table: Table
) -> Sequence[Row[Any]]:
    """The rows of a list of this table by id, with the parameters `after` and `UNTIL`.

    On a connection that does not read in order, such as one that writes, it is just executed.
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
