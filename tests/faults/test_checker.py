"""The checker itself: it accepts a correct run, and finds every kind of wrong row or answer."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from app.core.config import Settings
from app.main import create_app
from tests.faults.checker import check
from tests.faults.history import Answer, Entry, History
from tests.faults.load import bots_at_work, new_inquiry, set_up
from tests.support.events import until
from tests.support.rows import Rows, open_rows
from tests.support.server import run_server

VICTIM = "(SELECT interaction_id FROM idempotency_keys WHERE source_id = 1 LIMIT 1)"
"""An interaction of the first source, sent with a key."""
ITS_LEAD = f"(SELECT lead_uuid FROM interactions WHERE id = {VICTIM})"
WAITING = "(SELECT max(id) FROM interactions WHERE source_id = 4)"
"""The last interaction of the source with a limit, sent long after the limit was reached."""
NEW_ID = "(SELECT max(id) + 1 FROM interactions)"
MUTANTS = {
    "lost row": (
        f"DELETE FROM interactions WHERE id = {VICTIM}",
        "was acknowledged and is not stored",
    ),
    "doubled row": (
        (
            f"INSERT INTO interactions SELECT {NEW_ID}, lead_uuid, source_id, operator_id,"
            " is_active, payload, created_at, closed_at"
            f" FROM interactions WHERE id = {VICTIM}"
        ),
        "is stored 2 times",
    ),
    "row that was never sent": (
        (
            "INSERT INTO interactions (id, lead_uuid, source_id, is_active, created_at)"
            f" SELECT {NEW_ID}, uuid, 3, 1, created_at FROM leads LIMIT 1"
        ),
        "was never sent",
    ),
    "operator with zero weight": (
        f"UPDATE interactions SET operator_id = 3 WHERE id = {VICTIM}",
        "has the operator 3, which is out of rotation",
    ),
    "inactive operator": (
        f"UPDATE interactions SET operator_id = 4 WHERE id = {VICTIM}",
        "has the operator 4, which is out of rotation",
    ),
    "operator of another source": (
        "UPDATE interactions SET operator_id = 1 WHERE source_id = 2",
        "has the operator 1, which is out of rotation",
    ),
    "no operator, though one is available": (
        f"UPDATE interactions SET operator_id = NULL WHERE id = {VICTIM}",
        "has the operator None, which is out of rotation",
    ),
    "operator, though none is available": (
        "UPDATE interactions SET operator_id = 1 WHERE source_id = 3",
        "has the operator 1, which is out of rotation",
    ),
    "another operator of the rotation": (
        f"UPDATE interactions SET operator_id = 3 - operator_id WHERE id = {VICTIM}",
        "is not stored as it was acknowledged",
    ),
    "another number": (
        f"UPDATE interactions SET payload = replace(payload, '1.0', '1') WHERE id = {VICTIM}",
        "is not stored as it was sent",
    ),
    "another time": (
        "UPDATE interactions SET created_at = '2026-01-02 03:04:05.000006'",
        "is not stored as it was acknowledged",
    ),
    "another lead": (
        (
            "UPDATE interactions SET lead_uuid ="
            f" (SELECT uuid FROM leads WHERE uuid <> {ITS_LEAD}) WHERE id = {VICTIM}"
        ),
        "is not stored as it was sent",
    ),
    "second lead of an address": (
        (
            "INSERT INTO leads SELECT lower(hex(randomblob(16))), upper(email), created_at"
            f" FROM leads WHERE uuid = {ITS_LEAD}"
        ),
        "@example.com is 2 leads",
    ),
    "lead that was never sent": (
        (
            "INSERT INTO leads SELECT lower(hex(randomblob(16))), 'x@example.com', created_at"
            " FROM leads LIMIT 1"
        ),
        "x@example.com never sent an inquiry",
    ),
    "lead without interaction": (
        f"DELETE FROM interactions WHERE lead_uuid = {ITS_LEAD}",
        "lead without interaction",
    ),
    "orphan": (
        f"DELETE FROM leads WHERE uuid = {ITS_LEAD}",
        "foreign_key_check",
    ),
    "lost key": (
        f"DELETE FROM idempotency_keys WHERE interaction_id = {VICTIM}",
        "is missing",
    ),
    "key of another interaction": (
        (f"UPDATE idempotency_keys SET interaction_id = {WAITING} WHERE interaction_id = {VICTIM}"),
        "is not the key of interaction",
    ),
    "key with two rows": (
        (
            "CREATE TABLE keys AS SELECT * FROM idempotency_keys;"
            " DROP TABLE idempotency_keys;"
            " ALTER TABLE keys RENAME TO idempotency_keys;"
            " INSERT INTO idempotency_keys SELECT * FROM idempotency_keys LIMIT 1"
        ),
        "has 2 rows",
    ),
    "no operator, though one is below its limit": (
        "UPDATE interactions SET is_active = 0 WHERE operator_id = 5",
        "has the operator None, which is out of rotation",
    ),
    "operator over its limit": (
        f"UPDATE interactions SET operator_id = 5 WHERE id = {WAITING}",
        "operator over its limit",
    ),
    "overtaken": (
        (
            f"UPDATE interactions SET operator_id = 5 WHERE id = {WAITING};"
            " UPDATE interactions SET operator_id = NULL"
            " WHERE id = (SELECT min(id) FROM interactions WHERE operator_id = 5)"
        ),
        "was overtaken",
    ),
    "lost assignment": (
        f"DELETE FROM assignments WHERE interaction_id = {VICTIM}",
        "interaction without assignment",
    ),
    "assignment to another operator": (
        f"UPDATE assignments SET operator_id = 3 - operator_id WHERE interaction_id = {VICTIM}",
        "interaction whose last assignment has another operator",
    ),
    "later assignment without operator": (
        (
            "INSERT INTO assignments (interaction_id, reason, candidates, created_at)"
            f" SELECT interaction_id, reason, candidates, created_at FROM assignments"
            f" WHERE interaction_id = {VICTIM}"
        ),
        "interaction whose last assignment has another operator",
    ),
    "interaction counted twice": (
        "UPDATE daily_counts SET interactions = interactions + 1 WHERE operator_id = 1",
        "day with a wrong count",
    ),
    "lost count": (
        "DELETE FROM daily_counts WHERE source_id = 2",
        "day with a wrong count",
    ),
    "count of another day": (
        "UPDATE daily_counts SET day = date(day, '+1 day') WHERE source_id = 2",
        "day with a wrong count",
    ),
    "changed credit": (
        "UPDATE source_operator_settings SET credit = credit + 1 WHERE id = 1",
        "credits that do not sum to zero",
    ),
    "changed target": (
        "UPDATE daily_counts SET target = target + 1 WHERE source_id = 2",
        "day whose targets do not sum to its assigned interactions",
    ),
    "broken constraint": (
        (
            "PRAGMA ignore_check_constraints = ON;"
            " UPDATE source_operator_settings SET weight = 2000000;"
            " PRAGMA ignore_check_constraints = OFF"
        ),
        "integrity_check",
    ),
}


ENOUGH = 200
"""Answers after which each source surely has some, and the limit of the fourth is reached."""


class Run(NamedTuple):
    """The history and the database of a run."""

    history: list[Entry]
    database: Path


@pytest.fixture(scope="module")
def run(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A correct run of the service."""
    folder = tmp_path_factory.mktemp("run")
    database = Path(shutil.copy(template, folder / "run.db"))
    with closing(History(folder / "history.jsonl")) as history:
        asyncio.run(_work(history, database))
        return Run(history.entries(), database)


async def _work(history: History, database: Path) -> None:
    settings = Settings(_env_file=None, database_url=f"sqlite:///{database}")
    async with run_server(create_app(settings)) as server:
        sources = await set_up(server.url)
        async with bots_at_work(server.url, history, sources):
            await until(lambda: len(history.answers()) >= ENOUGH)


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Iterator[Rows]:
    """A copy of the run's database, for a test to change."""
    with open_rows(f"sqlite:///{shutil.copy(run.database, tmp_path / 'copy.db')}") as rows:
        yield rows


def test_correct_run_passes(run: Run, copy: Rows) -> None:
    """The checker finds nothing wrong with a correct run."""
    assert [] == check(run.history, copy)


@pytest.mark.parametrize(("change", "fault"), MUTANTS.values(), ids=MUTANTS)
def test_wrong_row_is_found(run: Run, copy: Rows, change: str, fault: str) -> None:
    """A row that is lost, duplicated, swapped or invented is reported."""
    copy.executescript(change)
    found = check(run.history, copy)

    assert any(fault in line for line in found), found


def early_acknowledgement(history: list[Entry]) -> list[Entry]:
    """A 201 for an inquiry that has no row."""
    intent = new_inquiry(1)
    answer = next(entry for entry in history if isinstance(entry, Answer))
    return [*history, intent, answer._replace(marker=intent.marker)]


def false_refusal(history: list[Entry]) -> list[Entry]:
    """A 404 for an inquiry that was stored."""
    answer = next(entry for entry in history if isinstance(entry, Answer))
    return [*history, answer._replace(status=404, body={})]


def two_answers(history: list[Entry]) -> list[Entry]:
    """A second 201 for an inquiry, with another interaction."""
    answer = next(entry for entry in history if isinstance(entry, Answer))
    return [*history, answer._replace(body={**answer.body, "id": answer.body["id"] + 1})]


def unwritten_intent(history: list[Entry]) -> list[Entry]:
    """An inquiry in the database that is missing in the history."""
    marker = history[0].marker
    return [entry for entry in history if entry.marker != marker]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (early_acknowledgement, "was acknowledged and is not stored"),
        (false_refusal, "was refused and is stored"),
        (two_answers, "is not stored as it was acknowledged"),
        (unwritten_intent, "was never sent"),
    ],
)
def test_wrong_answer_is_found(
    run: Run, copy: Rows, change: Callable[[list[Entry]], list[Entry]], fault: str
) -> None:
    """An answer that does not agree with the database is reported."""
    found = check(change(run.history), copy)

    assert any(fault in line for line in found), found
