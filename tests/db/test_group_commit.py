"""The waiting line before the writer: who shares a transaction, who fails for whom, who is told."""

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.core.errors import Busy, DatabaseUnavailable, DomainError, OperatorNotFound
from app.crud import OperatorCRUD
from app.db.database import Database, WriteSession
from app.db.group_commit import GroupCommit
from tests.support.events import passing
from tests.support.kinds import only_sqlite
from tests.support.rows import Rows

UNKNOWN = "unknown"
"""The work has an error for this one alone."""
GUILTY = "guilty"
"""This one breaks the transaction that it is in."""


class Line(GroupCommit[str, int]):
    """A line of names, each to become an operator; each transaction notes how many it writes."""

    def __init__(self, database: Database, capacity: int = 100) -> None:
        super().__init__(database, self.write, capacity=capacity)
        self.open = Event()
        """A transaction that has begun waits for this."""
        self.open.set()
        self.begun = Event()

    async def write(
        self, session: WriteSession, names: Sequence[str]
    ) -> Sequence[int | DomainError]:
        """The new operators' ids."""
        await session.execute(text("INSERT INTO transactions VALUES (:size)"), {"size": len(names)})
        self.begun.set()
        await passing(self.open)
        return [await self._write_one(session, name) for name in names]

    async def _write_one(self, session: WriteSession, name: str) -> int | DomainError:
        if name == UNKNOWN:
            return OperatorNotFound()
        if name == GUILTY:
            await session.execute(
                text("INSERT INTO source_operator_settings VALUES (1, 7, 7, 1, 0)")
            )
        return (await OperatorCRUD(session).create(name=name)).id


@pytest.fixture
def line(database: Database, rows: Rows) -> Line:
    """An empty line."""
    rows.execute("CREATE TABLE transactions (size INTEGER)")
    return Line(database)


def sizes(rows: Rows) -> list[int]:
    """How many requests each committed transaction had."""
    return [size for (size,) in rows.execute("SELECT size FROM transactions")]


def names(rows: Rows) -> list[str]:
    """What is written."""
    return [name for (name,) in rows.execute("SELECT name FROM operators ORDER BY id")]


async def hold_up(line: Line, name: str = "first") -> "asyncio.Task[int]":
    """A request whose transaction has begun and does not end before the line is open."""
    line.open.clear()
    task = asyncio.create_task(line.submit(name))
    await passing(line.begun)
    return task


async def queue(line: Line, *names: str) -> "list[asyncio.Task[int]]":
    """Requests that have come to stand in the line."""
    tasks = [asyncio.create_task(line.submit(name)) for name in names]
    await asyncio.sleep(0)
    return tasks


async def test_lone_request_is_served_at_once(line: Line, rows: Rows) -> None:
    """Nobody need come after it; when its result is there, it is on disk."""
    id = await line.submit("alone")

    assert [(id, "alone")] == rows.execute("SELECT id, name FROM operators").fetchall()
    assert [1] == sizes(rows)


async def test_those_who_wait_share_a_transaction(line: Line, rows: Rows) -> None:
    """All that come while a transaction is under way are in the next, in their order."""
    first = await hold_up(line)
    waiting = await queue(line, *(f"waiting {number}" for number in range(49)))
    line.open.set()
    ids = await asyncio.gather(first, *waiting)

    assert [1, 49] == sizes(rows)
    assert ["first", *(f"waiting {number}" for number in range(49))] == names(rows)
    assert ids == sorted(ids)


async def submit_after(line: Line, turns: int, name: str) -> int:
    """A request that comes so many turns of the event loop later."""
    for _ in range(turns):
        await asyncio.sleep(0)
    return await line.submit(name)


async def test_those_on_their_way_join(line: Line, rows: Rows) -> None:
    """A transaction begins when a few turns of the event loop bring nobody more."""
    await asyncio.gather(*(submit_after(line, turns, f"after {turns}") for turns in (0, 2, 4)))

    assert [3] == sizes(rows)


async def test_endless_arrivals_hold_nobody_up(line: Line, database: Database, rows: Rows) -> None:
    """A transaction begins though more come with every turn."""
    arrivals = 250
    long = Line(database, capacity=arrivals)
    await asyncio.gather(
        *(submit_after(long, turns, f"after {turns}") for turns in range(arrivals))
    )

    assert arrivals == sum(sizes(rows))
    assert len(sizes(rows)) > 1


async def test_error_of_one_is_its_own(line: Line, rows: Rows) -> None:
    """A request that the work refuses costs its neighbours nothing, not even a transaction."""
    outcomes = await asyncio.gather(
        *(line.submit(name) for name in ("before", UNKNOWN, "after")), return_exceptions=True
    )

    assert [int, OperatorNotFound, int] == [type(outcome) for outcome in outcomes]
    assert ["before", "after"] == names(rows)
    assert [3] == sizes(rows)


async def test_one_that_breaks_the_transaction_fails_alone(line: Line, rows: Rows) -> None:
    """Its neighbours are written, once."""
    outcomes = await asyncio.gather(
        *(line.submit(name) for name in ("before", GUILTY, "after")), return_exceptions=True
    )

    assert [int, IntegrityError, int] == [type(outcome) for outcome in outcomes]
    assert ["before", "after"] == names(rows)
    assert [1, 1] == sizes(rows)


async def test_full_line_is_busy(line: Line, database: Database, rows: Rows) -> None:
    """One more than the line holds is refused; there is room again when those are served."""
    short = Line(database, capacity=2)
    first = await hold_up(short)
    waiting = await queue(short, "second", "third")
    with pytest.raises(Busy):
        await short.submit("fourth")
    short.open.set()
    await asyncio.gather(first, *waiting)
    await short.submit("fifth")

    assert ["first", "second", "third", "fifth"] == names(rows)


async def test_who_leaves_the_line_is_not_written(line: Line, rows: Rows) -> None:
    """A caller that goes before its transaction begins might never have come."""
    first = await hold_up(line)
    stays, goes = await queue(line, "stays", "goes")
    goes.cancel()
    line.open.set()
    await asyncio.gather(first, stays)

    assert goes.cancelled()
    assert ["first", "stays"] == names(rows)
    assert [1, 1] == sizes(rows)


async def test_line_that_all_have_left(line: Line, rows: Rows) -> None:
    """No transaction is begun for nobody, and the next one is served."""
    first = await hold_up(line)
    for task in await queue(line, "goes", "goes too"):
        task.cancel()
    line.open.set()
    await first
    await line.submit("comes")

    assert ["first", "comes"] == names(rows)
    assert [1, 1] == sizes(rows)


async def test_who_leaves_in_mid_transaction_is_written(line: Line, rows: Rows) -> None:
    """The transaction goes on without it, for its neighbours' sake, and the line with it."""
    goes = await hold_up(line, "goes")
    goes.cancel()
    line.open.set()
    await line.submit("comes")

    assert goes.cancelled()
    assert ["goes", "comes"] == names(rows)


async def test_who_leaves_while_the_guilty_one_is_sought_is_not_written(
    line: Line, rows: Rows
) -> None:
    """When a broken batch is served one by one, those who have gone by then are left out."""
    guilty, stays, goes = await queue(line, GUILTY, "stays", "goes")
    guilty.add_done_callback(lambda _: goes.cancel())
    with pytest.raises(IntegrityError):
        await guilty
    await stays
    await line.submit("comes")

    assert goes.cancelled()
    assert ["stays", "comes"] == names(rows)


async def test_locked_database_is_away_for_the_whole_batch(line: Line, rows: Rows) -> None:
    """Nobody is asked to wait for each of the others in turn; afterwards all is as before."""
    rows.lock()
    outcomes = await asyncio.gather(
        *(line.submit(f"waits {number}") for number in range(50)), return_exceptions=True
    )
    rows.rollback()
    await line.submit("comes")

    assert {DatabaseUnavailable} == {type(outcome) for outcome in outcomes}
    assert ["comes"] == names(rows)


@only_sqlite
async def test_nobody_waits_for_a_stuck_transaction(line: Line, rows: Rows) -> None:
    """Who is in it hears that nothing is known, who is in line is not written after that."""
    first = await hold_up(line)
    [second] = await queue(line, "second")
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    line.open.set()
    await line.submit("third")

    assert [DatabaseUnavailable] * 2 == [type(outcome) for outcome in outcomes]
    assert ["first", "third"] == names(rows)


async def test_drained_line_is_served_and_closed(line: Line, rows: Rows) -> None:
    """Whoever stands in it is served, whoever comes then is refused."""
    first = await hold_up(line)
    [second] = await queue(line, "second")
    draining = asyncio.create_task(line.drain(within=60))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await line.submit("late")
    line.open.set()
    await asyncio.gather(first, second, draining)

    assert ["first", "second"] == names(rows)


async def test_empty_line_is_drained_at_once(line: Line) -> None:
    """There is nothing to wait for."""
    await line.drain(within=60)

    with pytest.raises(Busy):
        await line.submit("late")


async def test_drain_does_not_wait_for_a_stuck_writer(line: Line, rows: Rows) -> None:
    """Those in line are told to try again, and are not written after that."""
    first = await hold_up(line)
    [second] = await queue(line, "second")
    await line.drain(within=0.01)
    with pytest.raises(Busy):
        await second
    line.open.set()
    await first
    await asyncio.sleep(0)

    assert ["first"] == names(rows)
    assert [1] == sizes(rows)
