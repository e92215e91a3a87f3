"""Pending requests: which share a transaction, which fail together, and what callers get."""

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.core.errors import Busy, DatabaseUnavailable, OperatorNotFound, ServiceError
from app.crud import OperatorCRUD
from app.db.database import Database
from app.db.group_commit import GroupCommit
from app.db.session import WriteSession
from tests.support.events import passing
from tests.support.kinds import only_sqlite
from tests.support.rows import Rows

REFUSED = "refused"
"""The work returns an error for this request only."""
FAILING = "failing"
"""This request makes its transaction fail."""


class Writer(GroupCommit[str, int]):
    """Creates an operator for each name; each transaction records how many requests it has."""

    def __init__(self, database: Database, capacity: int = 100) -> None:
        super().__init__(database, self.write, capacity=capacity)
        self.resume = Event()
        """A transaction that has begun waits for this."""
        self.resume.set()
        self.begun = Event()

    async def write(
        self, session: WriteSession, names: Sequence[str]
    ) -> Sequence[int | ServiceError]:
        """The new operators' ids."""
        await session.execute(text("INSERT INTO transactions VALUES (:size)"), {"size": len(names)})
        self.begun.set()
        await passing(self.resume)
        return [await self._write_one(session, name) for name in names]

    async def _write_one(self, session: WriteSession, name: str) -> int | ServiceError:
        if name == REFUSED:
            return OperatorNotFound()
        if name == FAILING:
            await session.execute(
                text("INSERT INTO source_operator_settings VALUES (1, 7, 7, 1, 0)")
            )
        return (await OperatorCRUD(session).create(name=name)).id


@pytest.fixture
def writer(database: Database, rows: Rows) -> Writer:
    """A writer without pending requests."""
    rows.execute("CREATE TABLE transactions (size INTEGER)")
    return Writer(database)


def sizes(rows: Rows) -> list[int]:
    """The number of requests of each committed transaction."""
    return [size for (size,) in rows.execute("SELECT size FROM transactions")]


def names(rows: Rows) -> list[str]:
    """The names that were written, by id."""
    return [name for (name,) in rows.execute("SELECT name FROM operators ORDER BY id")]


async def begin_and_block(writer: Writer, name: str = "first") -> "asyncio.Task[int]":
    """Submit a request whose transaction begins and then waits for `resume`."""
    writer.resume.clear()
    task = asyncio.create_task(writer.submit(name))
    await passing(writer.begun)
    return task


async def add_pending(writer: Writer, *names: str) -> "list[asyncio.Task[int]]":
    """Submit requests, and return once they are pending."""
    tasks = [asyncio.create_task(writer.submit(name)) for name in names]
    await asyncio.sleep(0)
    return tasks


async def test_single_request_is_committed_at_once(writer: Writer, rows: Rows) -> None:
    """It does not wait for further requests; its result is returned after the commit."""
    id = await writer.submit("alone")

    assert [(id, "alone")] == rows.execute("SELECT id, name FROM operators").fetchall()
    assert [1] == sizes(rows)


async def test_pending_requests_share_a_transaction(writer: Writer, rows: Rows) -> None:
    """All requests submitted during a transaction are committed in the next, in order."""
    first = await begin_and_block(writer)
    pending = await add_pending(writer, *(f"pending {number}" for number in range(49)))
    writer.resume.set()
    ids = await asyncio.gather(first, *pending)

    assert [1, 49] == sizes(rows)
    assert ["first", *(f"pending {number}" for number in range(49))] == names(rows)
    assert ids == sorted(ids)


async def submit_after(writer: Writer, ticks: int, name: str) -> int:
    """Submit a request after this many iterations of the event loop."""
    for _ in range(ticks):
        await asyncio.sleep(0)
    return await writer.submit(name)


async def test_requests_that_arrive_soon_join(writer: Writer, rows: Rows) -> None:
    """A transaction begins when a few iterations of the event loop bring no further request."""
    await asyncio.gather(*(submit_after(writer, ticks, f"after {ticks}") for ticks in (0, 2, 4)))

    assert [3] == sizes(rows)


async def test_constant_arrivals_do_not_delay_a_transaction(
    writer: Writer, database: Database, rows: Rows
) -> None:
    """A transaction begins although each iteration brings another request."""
    arrivals = 250
    large = Writer(database, capacity=arrivals)
    await asyncio.gather(
        *(submit_after(large, ticks, f"after {ticks}") for ticks in range(arrivals))
    )

    assert arrivals == sum(sizes(rows))
    assert len(sizes(rows)) > 1


async def test_error_of_a_request_is_its_own(writer: Writer, rows: Rows) -> None:
    """A request that the work refuses does not affect the others in its transaction."""
    outcomes = await asyncio.gather(
        *(writer.submit(name) for name in ("before", REFUSED, "after")), return_exceptions=True
    )

    assert [int, OperatorNotFound, int] == [type(outcome) for outcome in outcomes]
    assert ["before", "after"] == names(rows)
    assert [3] == sizes(rows)


async def test_request_that_breaks_the_transaction_fails_alone(writer: Writer, rows: Rows) -> None:
    """The others in the transaction are written, once."""
    outcomes = await asyncio.gather(
        *(writer.submit(name) for name in ("before", FAILING, "after")), return_exceptions=True
    )

    assert [int, IntegrityError, int] == [type(outcome) for outcome in outcomes]
    assert ["before", "after"] == names(rows)
    assert [1, 1] == sizes(rows)


async def test_full_queue_is_busy(writer: Writer, database: Database, rows: Rows) -> None:
    """A request beyond the capacity is refused; requests are accepted again after a commit."""
    small = Writer(database, capacity=2)
    first = await begin_and_block(small)
    pending = await add_pending(small, "second", "third")
    with pytest.raises(Busy):
        await small.submit("fourth")
    small.resume.set()
    await asyncio.gather(first, *pending)
    await small.submit("fifth")

    assert ["first", "second", "third", "fifth"] == names(rows)


async def test_cancelled_pending_request_is_not_written(writer: Writer, rows: Rows) -> None:
    """A request that is cancelled before its transaction begins has no effect."""
    first = await begin_and_block(writer)
    kept, dropped = await add_pending(writer, "kept", "dropped")
    dropped.cancel()
    writer.resume.set()
    await asyncio.gather(first, kept)

    assert dropped.cancelled()
    assert ["first", "kept"] == names(rows)
    assert [1, 1] == sizes(rows)


async def test_all_pending_requests_cancelled(writer: Writer, rows: Rows) -> None:
    """No transaction begins without requests, and the next request is committed."""
    first = await begin_and_block(writer)
    for task in await add_pending(writer, "dropped", "dropped too"):
        task.cancel()
    writer.resume.set()
    await first
    await writer.submit("next")

    assert ["first", "next"] == names(rows)
    assert [1, 1] == sizes(rows)


async def test_request_cancelled_during_its_transaction_is_written(
    writer: Writer, rows: Rows
) -> None:
    """The transaction goes on for the other requests, and later ones are committed."""
    dropped = await begin_and_block(writer, "dropped")
    dropped.cancel()
    writer.resume.set()
    await writer.submit("next")

    assert dropped.cancelled()
    assert ["dropped", "next"] == names(rows)


async def test_request_cancelled_while_a_batch_is_retried_is_not_written(
    writer: Writer, rows: Rows
) -> None:
    """When a failed batch is retried request by request, cancelled ones are left out."""
    failing, kept, dropped = await add_pending(writer, FAILING, "kept", "dropped")
    failing.add_done_callback(lambda _: dropped.cancel())
    with pytest.raises(IntegrityError):
        await failing
    await kept
    await writer.submit("next")

    assert dropped.cancelled()
    assert ["kept", "next"] == names(rows)


@pytest.mark.timeouts
async def test_locked_database_fails_the_whole_batch(writer: Writer, rows: Rows) -> None:
    """The requests do not time out one after the other; once it is unlocked, writes succeed."""
    rows.lock()
    outcomes = await asyncio.gather(
        *(writer.submit(f"request {number}") for number in range(50)), return_exceptions=True
    )
    rows.rollback()
    await writer.submit("next")

    assert {DatabaseUnavailable} == {type(outcome) for outcome in outcomes}
    assert ["next"] == names(rows)


@pytest.mark.timeouts
@only_sqlite
async def test_stuck_transaction_times_out(writer: Writer, rows: Rows) -> None:
    """Its requests fail with an unknown outcome; pending ones fail and are not written later."""
    first = await begin_and_block(writer)
    [second] = await add_pending(writer, "second")
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    writer.resume.set()
    await writer.submit("third")

    assert [DatabaseUnavailable] * 2 == [type(outcome) for outcome in outcomes]
    assert ["first", "third"] == names(rows)


async def test_drain_commits_pending_requests(writer: Writer, rows: Rows) -> None:
    """Pending requests are committed, and new ones are refused."""
    first = await begin_and_block(writer)
    [second] = await add_pending(writer, "second")
    draining = asyncio.create_task(writer.drain(within=60))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await writer.submit("late")
    writer.resume.set()
    await asyncio.gather(first, second, draining)

    assert ["first", "second"] == names(rows)


async def test_drain_without_requests_returns_at_once(writer: Writer) -> None:
    """New requests are refused."""
    await writer.drain(within=60)

    with pytest.raises(Busy):
        await writer.submit("late")


async def test_drain_times_out(writer: Writer, rows: Rows) -> None:
    """Pending requests fail as `Busy`, and are not written later."""
    first = await begin_and_block(writer)
    [second] = await add_pending(writer, "second")
    await writer.drain(within=0.01)
    with pytest.raises(Busy):
        await second
    writer.resume.set()
    await first
    await asyncio.sleep(0)

    assert ["first"] == names(rows)
    assert [1] == sizes(rows)
