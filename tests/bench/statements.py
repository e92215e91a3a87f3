"""`python -m tests.bench.statements`: the builders of `app/db/bulk` compared with SQLAlchemy's own.

Prints for each what it saves of a statement's time, for a batch of 36 rows and for a single one.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from uuid import UUID

import typer
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.db.bulk.execute import execute
from app.db.bulk.in_list import in_list
from app.db.bulk.next_ids import NextIds
from app.db.bulk.statement import bulk_insert, bulk_update
from app.db.bulk.together import Query, read_together
from app.db.database import Database
from app.models import Base
from tests.support.postgres import PostgresDatabases, running_server

BATCHES = (1, 36)
ROUNDS = 300

_leads, _interactions, _settings = (
    Base.metadata.tables[name] for name in ("leads", "interactions", "source_operator_settings")
)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_INSERT = bulk_insert(insert(_leads), columns=["uuid", "email"], shared=["created_at"])
_NEXT_IDS = NextIds(_interactions)
_INSERT_INTERACTIONS = bulk_insert(
    insert(_interactions),
    columns=["id", "lead_uuid", "source_id"],
    shared=["is_active", "created_at"],
)
_UPDATE = bulk_update(_settings, keys=["source_id", "operator_id"], columns=["credit"])
_UPDATE_EACH = (
    update(_settings)
    .where(
        _settings.c.source_id == bindparam("source"),
        _settings.c.operator_id == bindparam("operator"),
    )
    .values(credit=bindparam("new"))
)
_BY_EMAIL = select(_leads.c.email, _leads.c.uuid)
_IN_LIST = _BY_EMAIL.where(in_list(_leads.c.email, "emails"))
_ONE = _BY_EMAIL.where(_leads.c.email == bindparam("email"))

Way = Callable[[AsyncSession, Sequence[tuple[UUID, str]]], Awaitable[Any]]
"""Does the same as another way, with so many new leads."""


class Pair(NamedTuple):
    """A builder of ours, and what SQLAlchemy has for the same."""

    name: str
    ours: Way
    theirs: Way


def _dicts(leads: Sequence[tuple[UUID, str]]) -> list[dict[str, Any]]:
    return [{"uuid": uuid, "email": email, "created_at": _NOW} for uuid, email in leads]


def _new_interactions(leads: Sequence[tuple[UUID, str]]) -> list[dict[str, Any]]:
    return [
        {"lead_uuid": FIRST, "source_id": 1, "is_active": True, "created_at": _NOW} for _ in leads
    ]


async def _insert_with_next_ids(session: AsyncSession, leads: Sequence[tuple[UUID, str]]) -> None:
    ids = await _NEXT_IDS.query(session, len(leads)).run(session)
    await _INSERT_INTERACTIONS.run(session, [(id, FIRST, 1) for id in ids], True, _NOW)


def _queries(leads: Sequence[tuple[UUID, str]]) -> list[Query[Any]]:
    return [
        Query(_IN_LIST, {"emails": [email for _, email in leads]}, list),
        Query(_ONE, {"email": leads[0][1]}, list),
    ]


async def _together(session: AsyncSession, leads: Sequence[tuple[UUID, str]]) -> None:
    await read_together(session, *_queries(leads))


async def _one_by_one(session: AsyncSession, leads: Sequence[tuple[UUID, str]]) -> None:
    for query in _queries(leads):
        (await session.execute(query.statement, query.parameters)).all()


FIRST = UUID(int=1)
PAIRS = (
    Pair(
        "execute",
        lambda session, leads: execute(session, _ONE, {"email": leads[0][1]}),
        lambda session, leads: session.execute(_ONE, {"email": leads[0][1]}),
    ),
    Pair(
        "in_list",
        lambda session, leads: execute(session, _IN_LIST, {"emails": [e for _, e in leads]}),
        lambda session, leads: execute(
            session, _BY_EMAIL.where(_leads.c.email.in_([e for _, e in leads])), {}
        ),
    ),
    Pair(
        "bulk_insert",
        lambda session, leads: _INSERT.run(session, leads, _NOW),
        lambda session, leads: session.execute(insert(_leads), _dicts(leads)),
    ),
    Pair(
        "bulk_update",
        lambda session, leads: _UPDATE.run(session, [(1, id + 1, 7) for id in range(len(leads))]),
        lambda session, leads: session.execute(
            _UPDATE_EACH,
            [{"source": 1, "operator": id + 1, "new": 7} for id in range(len(leads))],
        ),
    ),
    Pair(
        "NextIds",
        _insert_with_next_ids,
        lambda session, leads: session.execute(
            insert(_interactions).returning(_interactions.c.id, sort_by_parameter_order=True),
            _new_interactions(leads),
        ),
    ),
    Pair("read_together", _together, _one_by_one),
)


async def _measure(database: Database, way: Way, size: int) -> float:
    """The median of its milliseconds."""
    seconds = []
    for number in range(ROUNDS):
        leads = [(uuid7(), f"lead{number}.{each}@example.com") for each in range(size)]
        async with database.writing() as session:
            await session.connection()
            begin = perf_counter()
            await way(session, leads)
            seconds.append(perf_counter() - begin)
            await session.rollback()
    return statistics.median(seconds[ROUNDS // 10 :]) * 1000


async def _compare(kind: str, url: str) -> None:
    database = Database(url)
    async with database.serving():
        async with database.writing() as session:
            await session.execute(
                insert(_leads), [{"uuid": FIRST, "email": "first@example.com", "created_at": _NOW}]
            )
            await session.execute(
                insert(Base.metadata.tables["sources"]),
                [
                    {
                        "description": "bot",
                        "strategy": "smooth",
                        "enforce_load_limit": False,
                        "sticky": False,
                    }
                ],
            )
            operators = [{"name": "Maria", "active": True} for _ in range(max(BATCHES))]
            await session.execute(insert(Base.metadata.tables["operators"]), operators)
            settings = [
                {"source_id": 1, "operator_id": id + 1, "weight": 1, "credit": 0}
                for id in range(max(BATCHES))
            ]
            await session.execute(insert(_settings), settings)
        for pair in PAIRS:
            for size in BATCHES:
                ours = await _measure(database, pair.ours, size)
                theirs = await _measure(database, pair.theirs, size)
                typer.echo(
                    f"| {kind} | {pair.name} | {size} | {theirs:.2f} | {ours:.2f} |"
                    f" {1 - ours / theirs:.0%} |"
                )


def main() -> None:
    """Measure and print Markdown."""
    typer.echo("| database | builder | rows | SQLAlchemy's own, ms | ms | saves |")
    typer.echo("|---|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_compare("SQLite", f"sqlite:///{Path(folder) / 'leads.db'}"))
    with (
        running_server(fsync="on") as server,
        PostgresDatabases(server.url()) as databases,
        databases.fresh() as url,
    ):
        asyncio.run(_compare("PostgreSQL", url))


if __name__ == "__main__":
    typer.run(main)
