"""The checker itself: it passes an honest run, and catches every way to break the promise."""

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
"""An interaction of the first source, sent under a key."""
ITS_LEAD = f"(SELECT lead_uuid FROM interactions WHERE id = {VICTIM})"
WAITING = "(SELECT max(id) FROM interactions WHERE source_id = 4)"
"""The last interaction of the source with a limit, long after that was reached."""
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
    "row of nobody": (
        (
            "INSERT INTO interactions (id, lead_uuid, source_id, is_active, created_at)"
            f" SELECT {NEW_ID}, uuid, 3, 1, created_at FROM leads LIMIT 1"
        ),
        "nobody sent interaction",
    ),
    "operator of no weight": (
        f"UPDATE interactions SET operator_id = 3 WHERE id = {VICTIM}",
        "has the operator 3, who is out of rotation",
    ),
    "operator who is away": (
        f"UPDATE interactions SET operator_id = 4 WHERE id = {VICTIM}",
        "has the operator 4, who is out of rotation",
    ),
    "operator of another source": (
        "UPDATE interactions SET operator_id = 1 WHERE source_id = 2",
        "has the operator 1, who is out of rotation",
    ),
    "nobody, though somebody is there": (
        f"UPDATE interactions SET operator_id = NULL WHERE id = {VICTIM}",
        "has the operator None, who is out of rotation",
    ),
    "somebody, though nobody is there": (
        "UPDATE interactions SET operator_id = 1 WHERE source_id = 3",
        "has the operator 1, who is out of rotation",
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
    "lead of nobody": (
        (
            "INSERT INTO leads SELECT lower(hex(randomblob(16))), 'x@example.com', created_at"
            " FROM leads LIMIT 1"
        ),
        "nobody sent an inquiry of x@example.com",
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
        "is forgotten",
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
    "nobody, though somebody is below the limit": (
        "UPDATE interactions SET is_active = 0 WHERE operator_id = 5",
        "has the operator None, who is out of rotation",
    ),
    "operator over the limit": (
        f"UPDATE interactions SET operator_id = 5 WHERE id = {WAITING}",
        "operator over the limit",
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
        "interaction that was last assigned to somebody else",
    ),
    "later assignment to nobody": (
        (
            "INSERT INTO assignments (interaction_id, reason, candidates, created_at)"
            f" SELECT interaction_id, reason, candidates, created_at FROM assignments"
            f" WHERE interaction_id = {VICTIM}"
        ),
        "interaction that was last assigned to somebody else",
    ),
    "one counted twice": (
        "UPDATE daily_counts SET interactions = interactions + 1 WHERE operator_id = 1",
        "day that is miscounted",
    ),
    "lost count": (
        "DELETE FROM daily_counts WHERE source_id = 2",
        "day that is miscounted",
    ),
    "count of another day": (
        "UPDATE daily_counts SET day = date(day, '+1 day') WHERE source_id = 2",
        "day that is miscounted",
    ),
    "credit of nothing": (
        "UPDATE source_operator_settings SET credit = credit + 1 WHERE id = 1",
        "credits that do not sum to zero",
    ),
    "target of nothing": (
        "UPDATE daily_counts SET target = target + 1 WHERE source_id = 2",
        "day whose targets are not what was given out",
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
    """What a load left behind."""

    history: list[Entry]
    database: Path


@pytest.fixture(scope="module")
def run(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An honest run of the service."""
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
    """The run's database, to be spoilt."""
    with open_rows(f"sqlite:///{shutil.copy(run.database, tmp_path / 'copy.db')}") as rows:
        yield rows


def test_honest_run_passes(run: Run, copy: Rows) -> None:
    """Where every promise was kept, nothing is found."""
    assert [] == check(run.history, copy)


@pytest.mark.parametrize(("spoil", "fault"), MUTANTS.values(), ids=MUTANTS)
def test_spoilt_database_is_caught(run: Run, copy: Rows, spoil: str, fault: str) -> None:
    """Whatever is lost, doubled, swapped or made up is named."""
    copy.executescript(spoil)
    found = check(run.history, copy)

    assert any(fault in line for line in found), found


def early_acknowledgement(history: list[Entry]) -> list[Entry]:
    """A 201 for an inquiry of which no row has come to the disk."""
    intent = new_inquiry(1)
    answer = next(entry for entry in history if isinstance(entry, Answer))
    return [*history, intent, answer._replace(marker=intent.marker)]


def false_refusal(history: list[Entry]) -> list[Entry]:
    """A 404 for an inquiry that was stored all the same."""
    answer = next(entry for entry in history if isinstance(entry, Answer))
    return [*history, answer._replace(status=404, body={})]


def two_answers(history: list[Entry]) -> list[Entry]:
    """Another 201 for an inquiry, with another interaction."""
    answer = next(entry for entry in history if isinstance(entry, Answer))
    return [*history, answer._replace(body={**answer.body, "id": answer.body["id"] + 1})]


def unwritten_intent(history: list[Entry]) -> list[Entry]:
    """An inquiry in the database of which the history knows nothing."""
    marker = history[0].marker
    return [entry for entry in history if entry.marker != marker]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (early_acknowledgement, "was acknowledged and is not stored"),
        (false_refusal, "was refused and is stored"),
        (two_answers, "is not stored as it was acknowledged"),
        (unwritten_intent, "nobody sent"),
    ],
)
def test_spoilt_history_is_caught(
    run: Run, copy: Rows, spoil: Callable[[list[Entry]], list[Entry]], fault: str
) -> None:
    """Whatever the service said that is not so is named."""
    found = check(spoil(run.history), copy)

    assert any(fault in line for line in found), found
