"""Group read: many short reads of SQLite, few switches between threads.

A switch to a reader's thread and back takes longer than SQLite takes to read a page. So reads wait
in a queue, from which a reader's thread takes one after the other until the queue is empty; results
return to the event loop together. As a thread takes only the read that it runs next, a slow one
holds up no other: when a read has waited for a moment, another reader starts.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import DatabaseUnavailable
from app.db.session import ReadSession
from app.db.settle import settle
from app.db.sqlite_driver import InThreadConnection

TURN_TIMEOUT = 2.0
"""Seconds that a read waits for a reader."""
CLOSE_TIMEOUT = 2.0
"""Seconds at shutdown for reads that have begun."""
_BATCH = 32
"""Maximum number of reads before their results return."""
_STALLED = 0.02
"""Seconds that a read waits before another reader starts."""

Result = TypeVar("Result")


class _Read(NamedTuple):
    work: Callable[[ReadSession], Coroutine[Any, Any, Any]]
    future: asyncio.Future[Any]
    since: float


class _Reader(NamedTuple):
    connection: AsyncConnection
    driver: InThreadConnection
    session: ReadSession


async def _finished(
    work: Callable[[ReadSession], Coroutine[Any, Any, Result]], session: ReadSession
) -> Result:
    try:
        return await work(session)
    finally:
        if session.in_transaction():
            await session.close()


class GroupRead:
    """A queue of reads, and at most `readers` connections, each with a thread, which do them."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection]], readers: int) -> None:
        self._connect = connect
        self._idle = readers
        self._free: list[_Reader] = []
        self._running: set[asyncio.Task[None]] = set()
        # Threads take from this queue, and append to the other one; both are thread-safe.
        self._waiting: deque[_Read] = deque()
        self._done: deque[tuple[_Read, object]] = deque()
        self._check: asyncio.TimerHandle | None = None

    async def run(self, work: Callable[[ReadSession], Coroutine[Any, Any, Result]]) -> Result:
        """Run work in a reader's thread; it may await nothing but its session.

        Raises:
            DatabaseUnavailable: no reader was free within `TURN_TIMEOUT`.

        """
        loop = asyncio.get_running_loop()
        read = _Read(work, loop.create_future(), monotonic())
        self._waiting.append(read)
        if not self._running:
            self._start_reader()
        if self._check is None:
            self._check_progress()
        result: Result = await read.future
        return result

    @property
    def is_reading(self) -> bool:
        """Whether a reader may be reading now."""
        return bool(self._running)

    async def close(self) -> None:
        """Wait for the readers, at most `CLOSE_TIMEOUT`, then close their connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                while self._running:
                    await asyncio.wait(self._running)
        if self._check is not None:
            self._check.cancel()
        while self._free:
            await self._free.pop().connection.close()

    def _start_reader(self) -> None:
        self._idle -= 1
        task = asyncio.create_task(self._read())
        self._running.add(task)
        task.add_done_callback(self._end_reader)

    def _end_reader(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._idle += 1
        error = task.exception()
        if error is not None and (read := self._next()) is not None:  # There is no connection.
            settle(read.future, error)
        if self._waiting:
            self._start_reader()

    async def _read(self) -> None:
        reader = self._free.pop() if self._free else await self._open()
        await reader.driver.call(self._take_some, reader)
        self._free.append(reader)
        self._settle()

    async def _open(self) -> _Reader:
        connection = await self._connect()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        return _Reader(connection, driver, ReadSession(connection))

    def _take_some(self, reader: _Reader) -> None:
        """Do reads until none waits, at most `_BATCH`. In the reader's thread."""
        for _ in range(_BATCH):
            read = self._next()
            if read is None:
                return
            if read.future.done():  # Its caller was cancelled.
                continue
            outcome: object
            try:
                outcome = reader.driver.run_here(_finished(read.work, reader.session))
            except BaseException as error:  # noqa: BLE001  # whatever it is, the caller must get it
                outcome = error
            self._done.append((read, outcome))

    def _next(self) -> _Read | None:
        """The read that has waited longest; None if another reader took the last one."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def _oldest(self) -> _Read | None:
        try:
            return self._waiting[0]
        except IndexError:  # A reader has just taken the last one.
            return None

    def _settle(self) -> None:
        while self._done:
            read, outcome = self._done.popleft()
            settle(read.future, outcome)

    def _check_progress(self) -> None:
        """Start another reader for reads that wait; fail those that have waited too long.

        Repeated while reads wait.
        """
        self._check = None
        now = monotonic()
        self._settle()
        self._fail_old(now - TURN_TIMEOUT)
        if not self._running:
            return
        if self._idle and (oldest := self._oldest()) and now - oldest.since > _STALLED:
            self._start_reader()
        loop = asyncio.get_running_loop()
        self._check = loop.call_later(_STALLED, self._check_progress)

    def _fail_old(self, before: float) -> None:
        while (read := self._next()) is not None:
            if read.since > before:
                self._waiting.appendleft(read)
                return
            settle(read.future, DatabaseUnavailable())
