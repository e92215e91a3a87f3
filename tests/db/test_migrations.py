"""Migrations produce the schema of the models, completely or not at all."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from app.core.credits import INQUIRY
from app.core.distribution import CandidateSnapshot
from app.core.errors import StartupError
from app.crud import AssignmentCRUD
from app.db import migrate
from app.db.database import Database, open_backend
from app.db.migrate import upgrade
from app.db.sqlite import SQLite
from app.models import Base
from tests.support.postgres import PostgresDatabases
from tests.support.rows import open_rows


def schema_of(path: Path) -> set[str]:
    """The statements that would create the schema, without Alembic's own table."""
    statements = sqlite3.connect(path).execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> 'alembic_version'"
    )
    return {" ".join(sql.split()) for (sql,) in statements}


async def test_migrations_and_models_are_equal(template: Path, tmp_path: Path) -> None:
    """Every table, column, constraint and index has the same definition."""
    created = tmp_path / "created.db"
    engine = create_engine(f"sqlite:///{created}")
    Base.metadata.create_all(engine)
    engine.dispose()

    assert schema_of(created) == schema_of(template)


POSTGRES_SCHEMA = """
SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public';
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace;
SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


def postgres_schema_of(url: str) -> set[tuple[object, ...]]:
    """All columns, constraints and indexes, without those of Alembic's own table."""
    with open_rows(url) as rows:
        found = [row for query in POSTGRES_SCHEMA.split(";") for row in rows.execute(query)]
    return {row for row in found if row[0] != "alembic_version"}


async def test_migrations_and_models_are_equal_on_postgres(postgres: PostgresDatabases) -> None:
    """Migrations and models produce the same schema on PostgreSQL."""
    with postgres.empty() as created, postgres.fresh() as migrated:
        backend = open_backend(created, readers=1)
        async with backend.migrating() as connection:
            await connection.run_sync(Base.metadata.create_all)

        assert postgres_schema_of(created) == postgres_schema_of(migrated)


async def test_processes_that_start_at_once_migrate_the_database_once(
    postgres: PostgresDatabases,
) -> None:
    """Eight that find an empty database all start, and the schema is created once."""

    async def start(url: str) -> None:
        async with Database(url).serving():
            pass

    with postgres.empty() as created, postgres.fresh() as migrated:
        await asyncio.gather(*(start(created) for _ in range(8)))

        assert postgres_schema_of(created) == postgres_schema_of(migrated)


async def test_upgrade_of_a_current_database_changes_nothing(
    template: Path, database_path: Path
) -> None:
    """On a current schema, the migrations of every start have no effect."""
    await upgrade(SQLite(database_path, readers=1))

    assert schema_of(template) == schema_of(database_path)


@pytest.fixture
def failing_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The migrations, and another that fails after its first statements."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for entry in migrate.MIGRATIONS.glob("*.*"):
        (folder / entry.name).write_text(entry.read_text())
    versions = folder / "versions"
    versions.mkdir()
    for entry in (migrate.MIGRATIONS / "versions").glob("*.py"):
        (versions / entry.name).write_text(entry.read_text())
    (versions / "9999_fails.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', {migrate.head_revision()!r}\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE half (id INTEGER)')\n"
        "    op.execute('DELETE FROM operators')\n"
        "    op.execute('NONSENSE')\n"
    )
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    migrate.head_revision.cache_clear()
    yield folder
    migrate.head_revision.cache_clear()


async def test_failing_migration_leaves_the_old_schema_and_data(
    failing_migration: Path, database_path: Path, template: Path
) -> None:
    """The statements that ran before the failure are rolled back."""
    rows = sqlite3.connect(database_path)
    rows.execute("INSERT INTO operators (id, name, active) VALUES (1, 'Maria', 1)")
    rows.commit()
    with pytest.raises(Exception, match="NONSENSE"):
        await upgrade(SQLite(database_path, readers=1))

    assert failing_migration.exists()
    assert schema_of(template) == schema_of(database_path)
    assert [("Maria",)] == rows.execute("SELECT name FROM operators").fetchall()


async def test_migration_that_orphans_rows_is_refused(database_path: Path) -> None:
    """Foreign keys are off during a migration, and are checked before the commit."""
    rows = sqlite3.connect(database_path)
    rows.execute("INSERT INTO source_operator_settings VALUES (1, 7, 7, 1, 0)")
    rows.commit()
    with pytest.raises(StartupError, match="reference a missing row"):
        await upgrade(SQLite(database_path, readers=1))


async def test_schema_of_a_later_version_is_refused(database_path: Path) -> None:
    """An older version of the service leaves a newer database unchanged."""
    rows = sqlite3.connect(database_path)
    rows.execute("UPDATE alembic_version SET version_num = '7777'")
    rows.commit()
    with pytest.raises(StartupError, match="the schema of a newer version"):
        await upgrade(SQLite(database_path, readers=1))


EARLIER = """
INSERT INTO operators (id, name, active) VALUES (1, 'Maria', 1), (2, 'Boris', 0);
INSERT INTO sources (id, description) VALUES (1, 'bot'), (2, 'chat');
INSERT INTO source_operator_settings (id, source_id, operator_id, weight)
VALUES (1, 1, 1, 3), (2, 1, 2, 1);
INSERT INTO leads (uuid, email, created_at)
VALUES ('11111111111111111111111111111111', 'lead@example.com', '2026-01-01 00:00:00.000000');
INSERT INTO interactions (id, lead_uuid, source_id, operator_id, is_active, created_at)
SELECT column1, '11111111111111111111111111111111', column2, column3, column4, column5
FROM (VALUES
    (1, 1, 1, 1, '2026-01-01 00:00:00.000000'),
    (2, 1, 1, 0, '2026-01-01 23:59:59.999999'),
    (3, 1, 2, 1, '2026-01-01 12:00:00.000000'),
    (4, 1, 1, 1, '2026-01-02 00:00:00.000000'),
    (5, 2, 1, 1, '2026-01-02 00:00:00.000001'),
    (6, 1, NULL, 1, '2026-01-02 12:00:00.000000'),
    (7, 1, NULL, 0, '2026-01-02 12:00:00.000000')
);
"""


async def test_earlier_interactions_are_counted(tmp_path: Path) -> None:
    """A database without daily counts gets them, with targets equal to assigned interactions."""
    path = tmp_path / "earlier.db"
    await upgrade(SQLite(path, readers=1), "0002")
    rows = sqlite3.connect(path)
    rows.executescript(EARLIER)
    before = rows.execute("SELECT * FROM interactions").fetchall()
    await upgrade(SQLite(path, readers=1))

    assert before == rows.execute("SELECT * FROM interactions").fetchall()
    assert [
        (1, "2026-01-01", 1, 2, 2_000_000_000, 0, 0),
        (1, "2026-01-01", 2, 1, 1_000_000_000, 0, 0),
        (1, "2026-01-02", 1, 1, 1_000_000_000, 0, 0),
        (2, "2026-01-02", 1, 1, 1_000_000_000, 0, 0),
    ] == rows.execute("SELECT * FROM daily_counts ORDER BY 1, 2, 3").fetchall()
    assert [("smooth", 0, 0)] * 2 == rows.execute(
        "SELECT strategy, enforce_load_limit, sticky FROM sources"
    ).fetchall()
    assert [(3, 0), (1, 0)] == rows.execute(
        "SELECT weight, credit FROM source_operator_settings ORDER BY id"
    ).fetchall()


BEFORE_0004 = """
INSERT INTO operators (id, name, active)
VALUES (1, 'Maria', TRUE), (2, 'Boris', TRUE), (3, 'Olga', FALSE);
INSERT INTO sources (id, description) VALUES (1, 'bot'), (2, 'chat'), (3, 'mail'), (4, 'shop');
INSERT INTO source_operator_settings (id, source_id, operator_id, weight, credit) VALUES
    (1, 1, 1, 3, 2), (2, 1, 2, 1, -1), (3, 1, 3, 4, -1),
    (4, 2, 1, 0, -1), (5, 2, 3, 2, 1),
    (6, 3, 1, 36, 1), (7, 3, 2, 1, -1),
    (8, 4, 1, 1, 9223372036854775807), (9, 4, 2, 1, 0);
INSERT INTO leads (uuid, email, created_at)
VALUES ('11111111111111111111111111111111', 'lead@example.com', '2026-01-01 00:00:00.000000');
INSERT INTO interactions (id, lead_uuid, source_id, operator_id, is_active, created_at)
VALUES (1, '11111111111111111111111111111111', 1, 1, TRUE, '2026-01-01 00:00:00.000000');
INSERT INTO assignments
    (id, interaction_id, operator_id, reason, strategy, candidates, created_at)
VALUES (1, 1, 1, 'selected', 'smooth',
    '[[1,3,2,null,null,null],[2,1,-1,3,3,"at_limit"]]', '2026-01-01 00:00:00.000000');
INSERT INTO daily_counts VALUES
    (1, '2026-01-01', 1, 2, 666666, 0, 0),
    (1, '2026-01-01', 2, 0, 666666, 333333, 0),
    (1, '2026-01-01', 3, 0, 666666, 0, 666666),
    (1, '2026-01-02', 2, 1, 0, 0, 0)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
    else:
        with request.getfixturevalue("postgres").empty() as url:
            yield url


async def test_credits_and_targets_are_converted(old_url: str) -> None:
    """Credits are in inquiries and sum to zero; targets sum to the assigned interactions."""
    await upgrade(open_backend(old_url, readers=1), "0003")
    with open_rows(old_url) as rows:
        rows.executescript(BEFORE_0004)
        await upgrade(open_backend(old_url, readers=1))

        credits = rows.execute("SELECT credit FROM source_operator_settings ORDER BY id")
        thirty_seventh = INQUIRY // 37
        assert [
            *(INQUIRY // 2, -INQUIRY // 4, -INQUIRY // 4),
            *(-INQUIRY // 2, INQUIRY // 2),
            *(thirty_seventh, -thirty_seventh),
            *(50 * INQUIRY, -50 * INQUIRY),
        ] == [credit for (credit,) in credits]
        assert [
            (1, "2026-01-01", 1, 2, 666_666_667, 0, 0),
            (1, "2026-01-01", 2, 0, 666_666_667, 333_333_000, 0),
            (1, "2026-01-01", 3, 0, 666_666_666, 0, 666_666_000),
            (1, "2026-01-02", 2, 1, 1_000_000_000, 0, 0),
        ] == rows.execute("SELECT * FROM daily_counts ORDER BY 1, 2, 3")


async def test_old_explanations_stay_readable(old_url: str) -> None:
    """Credits in units of weight are converted to inquiries by the weights then eligible."""
    await upgrade(open_backend(old_url, readers=1), "0003")
    with open_rows(old_url) as rows:
        rows.executescript(BEFORE_0004)
    database = Database(old_url)
    async with database.serving(), database.reading() as session:
        [move] = await AssignmentCRUD(session).list_by_interaction(1, limit=2)

    assert [
        CandidateSnapshot(1, 3, 2 * INQUIRY // 3, None, None, None),
        CandidateSnapshot(2, 1, -INQUIRY // 3, 3, 3, "at_limit"),
    ] == move.candidates
