"""Statements on the driver do the same as SQLAlchemy's own, and depend on names that exist."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import StatementError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from app.crud import (
    AssignmentCRUD,
    DailyCountCRUD,
    IdempotencyKeyCRUD,
    InteractionCRUD,
    LeadCRUD,
    QueueCRUD,
    SourceOperatorSettingCRUD,
)
from app.crud.assignment import NewAssignment
from app.crud.daily_count import CountKey, Counts
from app.crud.idempotency_key import Answer, IdempotencySlot
from app.crud.interaction import InteractionRow, NewInteraction
from app.db.bulk.execute import execute
from app.db.database import Database
from app.db.session import WriteSession
from app.models import Base, Source

LEAD = UUID("5f0c7b0e-6a34-4a0b-9d0f-3d1b7b7f2c11")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
ANSWERED = InteractionRow(
    1, LEAD, 1, 1, '{"text":"Hello"}', is_active=True, created_at=NOW, closed_at=None
)
SET_UP = f"""
INSERT INTO operators (id, name, active, load_limit)
 VALUES (1, 'Maria', 1, 5), (2, 'Boris', 0, NULL);
INSERT INTO sources (id, description, enforce_load_limit) VALUES (1, 'bot', 1), (2, 'bot', 0);
INSERT INTO source_operator_settings (source_id, operator_id, weight, credit)
 VALUES (1, 1, 3, -7), (1, 2, 1, 7), (2, 2, 0, 0);
INSERT INTO leads (uuid, email, created_at)
 VALUES ('{LEAD.hex}', 'lead@example.com', '2026-01-02 03:04:05.678901');
INSERT INTO interactions (id, lead_uuid, source_id, operator_id, is_active, payload, created_at)
 VALUES (1, '{LEAD.hex}', 1, 1, 1, '{{"text":"Hello"}}', '2026-01-02 03:04:05.678901'),
 (2, '{LEAD.hex}', 2, NULL, 1, NULL, '2026-01-02 03:04:05.000000');
INSERT INTO idempotency_keys (source_id, key, fingerprint, interaction_id, operator_id)
 VALUES (1, 'one', x'00ff', 1, 1);
INSERT INTO daily_counts VALUES (1, '2026-01-02', 1, 1, 750000000, 0, 0);
"""

READS: dict[str, Callable[[WriteSession], Awaitable[Any]]] = {
    "rotations": lambda session: SourceOperatorSettingCRUD(session).get_rotations([1, 2, 3]),
    "answers": lambda session: IdempotencyKeyCRUD(session).get_answers(
        [IdempotencySlot(1, "one"), IdempotencySlot(2, "one")]
    ),
    "known lead": lambda session: LeadCRUD(session).get_or_create_by_emails(["lead@example.com"]),
    "latest": lambda session: InteractionCRUD(session).get_latest([LEAD]),
    "waiting": lambda session: InteractionCRUD(session).list_waiting([1, 2], limit=5),
    "page of a lead": lambda session: InteractionCRUD(session).list_by_lead(LEAD, limit=1),
    "page of no lead": lambda session: InteractionCRUD(session).list_by_lead(UUID(int=1), limit=1),
    "queues": lambda session: QueueCRUD(session).list_all(),
    "queues of an operator": lambda session: QueueCRUD(session).get_oldest_of_operator(1),
    "place": lambda session: QueueCRUD(session).get_place_and_oldest(1),
    "available": lambda session: QueueCRUD(session).get_available([1, 2]),
}
WRITES: dict[str, Callable[[WriteSession], Awaitable[Any]]] = {
    "leads": lambda session: LeadCRUD(session).get_or_create_by_emails(
        ["lead@example.com", "new@example.com", "other@example.com"]
    ),
    "interaction": lambda session: InteractionCRUD(session).create_many(
        [NewInteraction(LEAD, 1, 1, '"one"')]
    ),
    "interactions": lambda session: InteractionCRUD(session).create_many(
        [NewInteraction(LEAD, 1, 1, '"one"'), NewInteraction(LEAD, 2), NewInteraction(LEAD, 1)]
    ),
    "assignments": lambda session: AssignmentCRUD(session).create_many(
        [
            NewAssignment(1, 1, "selected", "smooth", []),
            NewAssignment(2, None, "waiting", None, []),
        ]
    ),
    "credits": lambda session: SourceOperatorSettingCRUD(session).set_credits(
        {(1, 1): 2**62, (1, 2): -(2**62)}
    ),
    "weights": lambda session: SourceOperatorSettingCRUD(session).replace_source_weights(
        1, {1: 5, 2: 1}
    ),
    "removed weight": lambda session: SourceOperatorSettingCRUD(session).replace_source_weights(
        1, {1: 5}
    ),
    "counts": lambda session: DailyCountCRUD(session).add(
        {
            CountKey(1, date(2026, 1, 2), 1): Counts(1, 10**15, 0, 3),
            CountKey(1, date(2026, 1, 3), 2): Counts(2),
        }
    ),
    "keys": lambda session: IdempotencyKeyCRUD(session).create_many(
        [(IdempotencySlot(2, "two"), Answer(b"\0\xff", ANSWERED))]
    ),
    "close": lambda session: InteractionCRUD(session).close(1),
    "operator": lambda session: InteractionCRUD(session).set_operator(2, 2),
    "operators": lambda session: InteractionCRUD(session).set_operators({1: 2, 2: 1}),
}


@pytest.fixture
async def twins(template: Path, tmp_path: Path) -> AsyncIterator[list[Database]]:
    """Two databases with the same rows."""
    paths = [Path(shutil.copy(template, tmp_path / name)) for name in ("lean", "usual")]
    databases = [Database(f"sqlite:///{path}") for path in paths]
    async with databases[0].serving(), databases[1].serving():
        for database in databases:
            async with database.writing() as session:
                for statement in SET_UP.split(";"):
                    await (await session.connection()).exec_driver_sql(statement)
        yield databases


@pytest.mark.parametrize("name", [*READS, *WRITES])
async def test_same_as_sqlalchemy(twins: list[Database], name: str) -> None:
    """In the thread of a transaction, a repository returns and writes the same as elsewhere."""
    operation = {**READS, **WRITES}[name]
    lean, usual = twins

    async def work(session: WriteSession) -> Any:
        return await operation(session)

    returned = await lean.write(work)
    async with usual.writing() as session:
        expected = await operation(session)

    assert _comparable(expected) == _comparable(returned)
    assert await _rows(usual) == await _rows(lean)


async def _rows(database: Database) -> dict[str, list[Any]]:
    """All rows with the types of their values; times and UUIDs only with their length."""
    found = {}
    async with database.reading() as session:
        connection = await session.connection()
        for table in Base.metadata.sorted_tables:
            shown = [
                f"typeof({name}), length({name})"
                if name in ("created_at", "closed_at", "uuid")
                else f"typeof({name}), {name}"
                for name in table.columns.keys()  # noqa: SIM118  # not a mapping
            ]
            rows = await connection.exec_driver_sql(f"SELECT {', '.join(shown)} FROM {table.name}")
            found[table.name] = [tuple(row) for row in rows]
    return found


def _comparable(value: Any) -> Any:
    """A result whose times and UUIDs are only types."""
    match value:
        case datetime() | UUID():
            return type(value)
        case dict():
            return [(_comparable(key), _comparable(each)) for key, each in value.items()]
        case list() | tuple():
            return type(value), [_comparable(each) for each in value]
        case _:
            return value


def test_private_names_exist() -> None:
    """If an upgrade of SQLAlchemy renames one that `compiled` uses, this test names it."""
    statement = select(Source.id).where(Source.id == bindparam("id"))
    found = statement.compile()

    assert isinstance(found, SQLCompiler)
    for name in (
        "post_compile_params",
        "_bind_processors",
        "_result_columns",
        "positiontup",
        "binds",
    ):
        assert hasattr(found, name), name
    assert hasattr(TypeEngine, "_cached_result_processor")


async def test_parameter_without_a_value(database: Database) -> None:
    """A statement does not run with NULL in its place."""
    leads = Base.metadata.tables["leads"]
    statement = select(leads.c.uuid).where(leads.c.email == bindparam("email"))

    async def work(session: WriteSession) -> Any:
        return await execute(session, statement, {"e-mail": "lead@example.com"})

    # The latter if the statement does not run on the driver itself.
    with pytest.raises((KeyError, StatementError)):
        await database.write(work)
