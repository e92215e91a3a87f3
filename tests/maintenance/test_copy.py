"""`python -m app copy`: from SQLite to PostgreSQL and back, completely or not at all."""

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.core.config import Settings
from app.core.errors import MaintenanceError
from app.db.database import Database
from app.main import create_app
from app.maintenance.copy import copy_database
from tests.support.api import Api
from tests.support.command import PYTHON_APP, read_until, run_command, running_command
from tests.support.load import keep_on
from tests.support.postgres import PostgresDatabases
from tests.support.rows import TABLES, Rows, open_rows

PAYLOADS: tuple[Any, ...] = (
    *(1.0, -0.0, 1e300, 10**30, 0, False, True, "", [], {}, None, "null", "1.0", " "),
    "\\u0000 \" ' \\ / \x7f \u2028 \ufeff",
    "\u0416\U0001f600",
    {"b": [1, 1.0, {"\u00e9": "e\u0301"}], "a": None},
    "x" * 60_000,
)
KEYS = ("a", "B", "A", "b", "_", "~", "-1", "10", "9")
"""Each collation sorts them in another order."""
LISTS = ("/operators", "/sources", "/sources/1/operators", "/interactions?limit=1000")


@pytest.fixture
def postgres_url(postgres: PostgresDatabases) -> Iterator[str]:
    """A database without tables."""
    with postgres.empty() as url:
        yield url


@pytest.fixture
async def sqlite_url(database_path: Path) -> str:
    """A database with rows in every table, and more than one batch of leads and keys."""
    url = f"sqlite:///{database_path}"
    async with serving(url) as client:
        api = Api(client)
        maria = await api.create_operator("Maria", load_limit=2)
        ivan = await api.create_operator("\u0418\u0432\u0430\u043d")
        await api.create_operator("Olga", active=False)
        source = await api.create_source({maria: 3, ivan: 1})
        without_operators = await api.create_source()
        rules = {"sticky": True, "enforce_load_limit": True, "strategy": "random"}
        await api.call("PATCH", f"/sources/{source}", json=rules)
        for number, payload in enumerate(PAYLOADS):
            await api.post(source, f"lead{number % 7}@example.com", payload=payload)
        for key in KEYS:
            await post_with_key(client, without_operators, key)
        for id in (2, 5):
            await api.call("POST", f"/interactions/{id}/close")
    with closing(sqlite3.connect(database_path)) as rows:
        leads = [(uuid4().hex, f"bulk{number}@example.com") for number in range(2500)]
        rows.executemany("INSERT INTO leads VALUES (?, ?, '2026-01-02 03:04:05.000006')", leads)
        rows.executemany(
            "INSERT INTO idempotency_keys VALUES (1, ?, randomblob(32), 1, NULL)",
            [(f"{'kK'[number % 2]}-{uuid4()}",) for number in range(2500)],
        )
        rows.commit()
    return url


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run the service on a database; yields a client."""
    app = create_app(Settings(_env_file=None, database_url=url))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client


async def post_with_key(client: httpx.AsyncClient, source: int, key: str) -> httpx.Response:
    """The answer to an inquiry with this key."""
    body = {"email": "keyed@example.com", "source_id": source}
    return await client.post("/interaction", json=body, headers={"Idempotency-Key": key})


def content(url: str) -> list[list[tuple[Any, ...]]]:
    """All rows of all tables, with values as SQLite stores them; booleans equal numbers."""
    with open_rows(url) as rows:
        return rows.dump()


def in_file(path: Path) -> list[str]:
    """All rows of a file, with the type of each stored value."""
    with closing(sqlite3.connect(path)) as rows:
        return [
            repr((table.name, row, [type(value) for value in row]))
            for table in TABLES
            for row in rows.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        ]


def is_empty(rows: Rows) -> bool:
    """Whether a PostgreSQL database has no tables."""
    [(tables,)] = rows.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    )
    return bool(tables == 0)


async def test_round_trip(
    sqlite_url: str, database_path: Path, postgres_url: str, tmp_path: Path
) -> None:
    """Every value is equal to the last bit, in PostgreSQL and in a new SQLite file."""
    back = tmp_path / "back.db"

    to_postgres = await copy_database(sqlite_url, postgres_url)
    to_sqlite = await copy_database(postgres_url, f"sqlite:///{back}")

    assert to_postgres == to_sqlite == len(in_file(database_path))
    assert content(sqlite_url) == content(postgres_url)
    assert in_file(database_path) == in_file(back)


@pytest.mark.parametrize("to", ["postgres", "sqlite"])
async def test_service_continues_on_the_copy(
    to: str, sqlite_url: str, postgres_url: str, tmp_path: Path
) -> None:
    """On the copy it gives the same answers, knows the same keys, and continues the ids."""
    url = postgres_url if to == "postgres" else f"sqlite:///{tmp_path}/copy.db"
    await copy_database(sqlite_url, url)
    async with serving(sqlite_url) as before, serving(url) as after:
        lists = [[(await client.get(path)).text for path in LISTS] for client in (before, after)]
        last = (await before.get("/interactions?limit=1000")).json()[-1]["id"]
        replayed = [await post_with_key(client, 2, KEYS[0]) for client in (before, after)]
        api = Api(after)
        interaction = await api.post(2)
        ids = [interaction["id"], await api.create_operator(), await api.create_source({1: 1})]

    assert lists[0] == lists[1]
    assert replayed[0].text == replayed[1].text
    assert "true" == replayed[1].headers["Idempotent-Replayed"]
    assert [last + 1, 4, 3] == ids


async def test_source_that_is_written_during_the_copy(
    postgres: PostgresDatabases, tmp_path: Path
) -> None:
    """The copy is a snapshot: it has no interaction without its lead."""
    finished = asyncio.Event()
    with postgres.fresh() as url:
        with open_rows(url) as rows:
            rows.execute(
                "INSERT INTO operators (name, active)"
                " SELECT 'Maria', FALSE FROM generate_series(1, 5000)"
            )
        async with serving(url) as client:
            api = Api(client)
            source = await api.create_source()
            before = await api.post(source)
            writing = asyncio.create_task(
                keep_on(lambda: api.post(source, f"{uuid4()}@example.com"), finished)
            )
            copied = await copy_database(url, f"sqlite:///{tmp_path}/copy.db")
            finished.set()
            meanwhile = await writing

    async with serving(f"sqlite:///{tmp_path}/copy.db") as client:
        first = await client.get(f"/interactions/{before['id']}")
    assert copied >= 5003
    assert len(meanwhile) > 10
    assert before == first.json()


async def test_copy_into_a_database_with_rows(sqlite_url: str, postgres: PostgresDatabases) -> None:
    """The copy is refused, and the rows are unchanged."""
    with postgres.fresh() as url:
        with open_rows(url) as rows:
            rows.execute("INSERT INTO sources (description) VALUES ('bot')")
        before = content(url)
        with pytest.raises(MaintenanceError, match="is not empty: the table sources"):
            await copy_database(sqlite_url, url)

        assert before == content(url)


@pytest.mark.parametrize("served", ["source", "target"])
async def test_served_file_is_refused(
    served: str, sqlite_url: str, database_path: Path, tmp_path: Path
) -> None:
    """Interactions that a service accepts during the copy would be missing in it."""
    urls = {"source": sqlite_url, "target": f"sqlite:///{tmp_path}/copy.db"}
    async with Database(urls[served]).serving():
        with pytest.raises(MaintenanceError, match="Another process already serves the database"):
            await copy_database(urls["source"], urls["target"])


async def test_missing_source_is_not_created(postgres_url: str, tmp_path: Path) -> None:
    """A mistyped name creates no database, and nothing in the target."""
    with pytest.raises(MaintenanceError, match=r"There is no database typo\.db"):
        await copy_database(f"sqlite:///{tmp_path}/typo.db", postgres_url)

    assert [] == list(tmp_path.iterdir())
    with open_rows(postgres_url) as rows:
        assert is_empty(rows)


@pytest.mark.parametrize(
    "change", ["UPDATE alembic_version SET version_num = '0001'", "DROP TABLE alembic_version"]
)
async def test_source_of_another_version(
    change: str, sqlite_url: str, database_path: Path, postgres_url: str
) -> None:
    """Only a database with the schema of this version is copied."""
    with closing(sqlite3.connect(database_path, isolation_level=None)) as rows:
        rows.execute(change)
    with pytest.raises(
        MaintenanceError, match=r"test\.db does not have the schema of this version"
    ):
        await copy_database(sqlite_url, postgres_url)

    with open_rows(postgres_url) as rows:
        assert is_empty(rows)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE interactions SET payload = '1' WHERE id = new.id", "27 of 27 rows, or other"),
        ("DELETE FROM interactions WHERE id = new.id", "26 of 27 rows, or other"),
        ("RAISE 'canary'", "copying interactions failed: RaiseError"),
    ],
)
async def test_copy_that_differs(
    statement: str, reason: str, sqlite_url: str, postgres: PostgresDatabases
) -> None:
    """The difference is found before the commit, and the copy is rolled back."""
    with postgres.fresh() as url:
        with open_rows(url) as rows:
            rows.execute(
                "CREATE FUNCTION change_copy() RETURNS TRIGGER LANGUAGE plpgsql"
                f" AS $$BEGIN {statement}; RETURN NULL; END$$"
            )
            rows.execute(
                "CREATE TRIGGER change_copy AFTER INSERT ON interactions"
                " FOR EACH ROW WHEN (new.id = 1) EXECUTE FUNCTION change_copy()"
            )
        with pytest.raises(MaintenanceError, match=reason):
            await copy_database(sqlite_url, url)

        assert not any(content(url))


@pytest.mark.parametrize("role", ["source", "target"])
async def test_foreign_objects_are_refused(
    role: str, sqlite_url: str, database_path: Path, template: Path, tmp_path: Path
) -> None:
    """The error names an object that could affect the copy's statements or would not be copied."""
    target = Path(shutil.copy(template, tmp_path / "target.db"))
    changed = {"source": database_path, "target": target}[role]
    with closing(sqlite3.connect(changed, isolation_level=None)) as rows:
        rows.execute("CREATE VIEW v AS SELECT 1")
    with pytest.raises(MaintenanceError, match="not the service's: view 'v'"):
        await copy_database(sqlite_url, f"sqlite:///{target}")

    assert [] == in_file(target)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("interactions SET payload = '[NaN' WHERE id = 3", "row 3 of interactions has a value"),
        ("interactions SET payload = '[NaN]' WHERE id = 3", "row 3 of interactions has a value"),
        ("interactions SET payload = x'ff' WHERE id = 3", "row 3 of interactions has a value"),
        (
            "interactions SET payload = CAST(x'22ff22' AS TEXT) WHERE id = 3",
            "row 3 of interactions has a value",
        ),
        (
            "interactions SET created_at = 'canary' WHERE id = 3",
            "row 3 of interactions has a value",
        ),
        ("assignments SET candidates = '[{}]' WHERE id = 2", "row 2 of assignments has a value"),
        ("operators SET load_limit = 'canary' WHERE id = 1", "row 1 of operators has a value"),
        (
            "leads SET uuid = 'canary' WHERE email = 'bulk7@example.com'",
            "row canary of leads has",
        ),
        (
            "interactions SET lead_uuid = hex(randomblob(16)) WHERE id = 3",
            "row 3 of interactions references a missing row of leads",
        ),
        (
            "daily_counts SET operator_id = operator_id + 90",
            "a row of daily_counts references a missing row of operators",
        ),
    ],
)
async def test_unreadable_rows_are_refused(
    change: str, named: str, sqlite_url: str, database_path: Path, tmp_path: Path
) -> None:
    """The error names the first such row by its table and key, without its values."""
    with closing(sqlite3.connect(database_path, isolation_level=None)) as rows:
        rows.execute(f"UPDATE {change}")
    with pytest.raises(MaintenanceError, match=named) as refused:
        await copy_database(sqlite_url, f"sqlite:///{tmp_path}/target.db")

    assert "canary" not in str(refused.value) or "row canary of leads" in str(refused.value)
    assert [] == in_file_or_nothing(tmp_path / "target.db")


def in_file_or_nothing(path: Path) -> list[str]:
    """All rows of a file, which may have no tables."""
    with closing(sqlite3.connect(path)) as rows:
        [(tables,)] = rows.execute("SELECT count(*) FROM sqlite_schema")
    return in_file(path) if tables else []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.heavy
def test_terminated_copy_leaves_no_rows(
    kind: str, database_path: Path, tmp_path: Path, postgres_url: str
) -> None:
    """SIGTERM during the copy ends it, and the target is empty."""
    with closing(sqlite3.connect(database_path)) as rows:
        rows.executemany(
            "INSERT INTO leads VALUES (?, ?, '2026-01-02 03:04:05.000006')",
            ((uuid4().hex, f"bulk{number}@example.com") for number in range(50_000)),
        )
        rows.commit()
    target = tmp_path / "target.db"
    url = postgres_url if kind == "postgres" else f"sqlite:///{target}"
    command = (*PYTHON_APP, "copy", "--from", f"sqlite:///{database_path}", "--to", url)
    with running_command(*command, folder=tmp_path, FORCE_COLOR="1") as process:
        assert "test.db" in read_until(process, "test.db")
        process.terminate()
        _, errors = process.communicate(timeout=60)

    assert 1 == process.returncode
    assert errors.endswith("Nothing was written: the copy was interrupted.\n")
    if kind == "sqlite":
        assert [] == in_file_or_nothing(target)
    else:
        with open_rows(url) as target_rows:
            assert is_empty(target_rows)


@pytest.mark.heavy
def test_command_reports_its_result(sqlite_url: str, postgres_url: str, tmp_path: Path) -> None:
    """It prints a progress bar and the number of rows; a second copy is refused in one line."""
    command = (*PYTHON_APP, "copy", "--from", sqlite_url, "--to", postgres_url)
    first = run_command(*command, folder=tmp_path)
    second = run_command(*command, folder=tmp_path)

    rows = sum(map(len, content(postgres_url)))
    assert 0 == first.returncode, first.stderr
    assert "100%" in first.stdout
    assert first.stdout.endswith(f"\n{rows:,} rows copied, read back and verified.\n")
    assert 1 == second.returncode
    assert "" == second.stdout
    assert second.stderr.endswith(" is not empty: the table leads has rows.\n")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://staff:hush-hush@db/leads", "must begin with sqlite:/// or postgresql://"),
        ("postgresql://staff:hush-hush@127.0.0.1:1/leads", "cannot be opened"),
    ],
)
@pytest.mark.heavy
def test_password_is_not_printed(url: str, reason: str, sqlite_url: str, tmp_path: Path) -> None:
    """A database that cannot be opened is named without its password or a traceback."""
    ended = run_command(*PYTHON_APP, "copy", "--from", sqlite_url, "--to", url, folder=tmp_path)

    assert 0 != ended.returncode
    assert reason in " ".join(ended.stderr.split())
    assert "hush-hush" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
