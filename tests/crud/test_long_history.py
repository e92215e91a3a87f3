"""Reports are answered from indexes, however long the history has become."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from app.crud import OperatorCRUD
from app.db.database import Database
from app.services.reports import report_source
from tests.bench.fill import DAYS, WEIGHTS, fill
from tests.support.statements import Statement, noted

pytestmark = pytest.mark.heavy

INTERACTIONS = 150_000
ALL_CLOSED = "UPDATE interactions SET is_active = 0, closed_at = created_at"
ALL_ACTIVE = "UPDATE interactions SET is_active = 1, closed_at = NULL"
ALL_WAITING = f"{ALL_ACTIVE}, operator_id = NULL"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a thousand days of interactions."""
    path = tmp_path_factory.mktemp("long") / "long.db"
    fill(path, INTERACTIONS)
    return path


@pytest.fixture
def rows(path: Path) -> Iterator[sqlite3.Connection]:
    """A separate connection to it."""
    with closing(sqlite3.connect(path)) as rows:
        yield rows


# In this order, as the last statement removes the operators.
@pytest.mark.parametrize(
    ("state", "load", "waiting", "instructions"),
    [
        # The days are summed; closed interactions cost nothing.
        (ALL_CLOSED, 0, 0, 40 * DAYS * len(WEIGHTS)),
        # Each is counted from the index, without reading its row.
        (ALL_ACTIVE, INTERACTIONS, 0, 5 * INTERACTIONS),
        # Counted for the source, and for its operators.
        (ALL_WAITING, 0, INTERACTIONS, 10 * INTERACTIONS),
    ],
    ids=["all closed", "all active", "all waiting"],
)
async def test_reports_of_a_thousand_days(
    path: Path, rows: sqlite3.Connection, *, state: str, load: int, waiting: int, instructions: int
) -> None:
    """Both reports are correct, and take SQLite no more steps than there is to count."""
    rows.executescript(state)
    database = Database(f"sqlite:///{path}")
    async with database.serving(), database.reading() as session:
        with noted(session) as statements:
            report = await report_source(session, 1)
            loads = await OperatorCRUD(session).list_loads(limit=100)

    assert INTERACTIONS == report.interactions == sum(row.interactions for row in report.operators)
    assert waiting == report.waiting
    assert load == sum(row.load for row in loads)
    assert [waiting] * len(WEIGHTS) == [row.waiting for row in loads]
    assert 5 == len(statements)
    assert work(rows, statements) <= instructions


def work(rows: sqlite3.Connection, statements: Sequence[Statement]) -> int:
    """The instructions of SQLite's virtual machine for these statements, in whole thousands."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1000

    rows.set_progress_handler(count, 1000)
    for sql, parameters in statements:
        rows.execute(sql, parameters).fetchall()
    rows.set_progress_handler(None, 0)
    return steps
