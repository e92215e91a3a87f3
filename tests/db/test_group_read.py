"""Reads that wait share a reader, and a slow one holds up no other."""

import asyncio
from functools import partial
from threading import Event
from time import sleep

import pytest
from sqlalchemy import text

from app.core.errors import DatabaseUnavailable
from app.crud import OperatorCRUD
from app.db import group_read, sqlite
from app.db.database import Database
from app.db.session import ReadSession
from tests.support.events import passing
from tests.support.kinds import only_sqlite

READERS = 4
"""The number of readers by default."""


class Slow:
    """Reads that block their reader until they are told to end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._begun: list[Event] = []
        self._end = Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Begin another one, and wait until it has its reader."""
        begun = Event()

        async def work(_session: ReadSession) -> None:
            begun.set()
            self._end.wait(60)

        self._tasks.append(asyncio.create_task(self._database.read(work)))
        await passing(begun)

    async def end(self) -> None:
        """Let all of them end."""
        self._end.set()
        await asyncio.gather(*self._tasks)


async def count(session: ReadSession) -> int:
    """The number of operators."""
    return int(await session.scalar(text("SELECT count(*) FROM operators")) or 0)


async def test_each_read_gets_its_own_result(database: Database) -> None:
    """However many wait at once; an error reaches only its own caller."""

    async def work(session: ReadSession, number: int) -> int:
        if number % 10 == 7:
            raise LookupError(number)
        return number + await count(session)

    results = await asyncio.gather(
        *(database.read(partial(work, number=number)) for number in range(100)),
        return_exceptions=True,
    )

    for number, result in enumerate(results):
        if number % 10 == 7:
            assert isinstance(result, LookupError)
            assert (number,) == result.args
        else:
            assert number == result


async def test_read_sees_what_was_committed_before(database: Database) -> None:
    """A reader keeps no transaction open between two reads."""
    for expected in range(3):
        assert expected == await database.read(count)
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")


@only_sqlite
async def test_slow_reads_hold_up_no_other(database: Database) -> None:
    """While readers are left, another read is done at once."""
    slow = Slow(database)
    for _ in range(READERS - 1):
        await slow.begin()
        assert 0 == await database.read(count)
    await slow.end()


@only_sqlite
async def test_reads_queued_behind_a_slow_one_go_to_another_reader(database: Database) -> None:
    """They had been waiting for the same reader when the slow one began."""
    end = Event()

    async def slow(_session: ReadSession) -> None:
        end.wait(60)

    first = asyncio.create_task(database.read(slow))
    others = [asyncio.create_task(database.read(count)) for _ in range(40)]
    try:
        assert [0] * 40 == await asyncio.gather(*others)
        assert not first.done()
    finally:
        end.set()
        await first


@only_sqlite
async def test_many_reads_go_to_several_readers(database: Database) -> None:
    """Even if each of them is quick: none waits until all before it are done."""
    at_once: list[int] = []
    running = 0

    async def work(_session: ReadSession) -> None:
        nonlocal running
        running += 1
        at_once.append(running)
        sleep(0.005)  # noqa: ASYNC251  # in the reader's thread
        running -= 1

    await asyncio.gather(*(database.read(work) for _ in range(200)))

    assert READERS == max(at_once)


@only_sqlite
@pytest.mark.timeouts
async def test_shutdown_does_not_wait_for_a_read_that_hangs(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread ends with the process."""
    monkeypatch.setattr(group_read, "CLOSE_TIMEOUT", 0.05)
    monkeypatch.setattr(sqlite, "JOIN_TIMEOUT", 0.05)
    database = Database(database_url)
    slow = Slow(database)
    async with database.serving():
        await slow.begin()

    await slow.end()


@only_sqlite
@pytest.mark.timeouts
async def test_read_without_a_reader_times_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If all readers are busy it fails, and later ones succeed."""
    monkeypatch.setattr(group_read, "TURN_TIMEOUT", 0.1)
    slow = Slow(database)
    for _ in range(READERS):
        await slow.begin()
    with pytest.raises(DatabaseUnavailable):
        await database.read(count)
    await slow.end()

    assert 0 == await database.read(count)


@only_sqlite
async def test_cancelled_read_is_not_done(database: Database) -> None:
    """Its result is discarded."""
    slow = Slow(database)
    for _ in range(READERS):
        await slow.begin()
    done = Event()

    async def work(_session: ReadSession) -> None:
        done.set()

    cancelled = asyncio.create_task(database.read(work))
    await asyncio.sleep(0)
    cancelled.cancel()
    await slow.end()
    await database.read(count)

    assert cancelled.cancelled()
    assert not done.is_set()


@only_sqlite
async def test_read_may_await_nothing_else(database: Database) -> None:
    """Its thread has no event loop."""

    async def work(_session: ReadSession) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError):
        await database.read(work)

    assert 0 == await database.read(count)
