"""Group commit: many waiting requests, one durable transaction.

A COMMIT that is synced to disk costs the same for one request as for a hundred. So requests wait
in line while a transaction is under way, and the next one takes all that wait, and with them those
whom the event loop has at hand. Nothing waits on a timer: a request that comes alone is served at
once.

Source: Gawlick and Kinkade, Varieties of concurrency control in IMS/VS Fast Path, IEEE Database
Engineering 8 (2), 1985.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar

from app.core.errors import Busy, DatabaseUnavailable, DomainError
from app.db.database import Database, WriteSession

ANSWER_TIMEOUT = 4.5
"""Seconds that whoever is first in line waits at most, and who is behind with it."""

_TURNS = 3
"""Turns of the event loop that a request takes from its socket into the line, at most."""
_ENOUGH = 128
"""Requests for which a transaction begins without looking for more."""

Request = TypeVar("Request")
Result = TypeVar("Result")

Work = Callable[[WriteSession, Sequence[Request]], Awaitable[Sequence[Result | DomainError]]]
"""Does the work of a batch; gives each request, in order, its own result or its own error."""

Observe = Callable[[int, float, float], None]
"""Hears of each transaction: its requests, its seconds, and those of the COMMIT among them."""


class _Waiter(NamedTuple, Generic[Request, Result]):
    request: Request
    future: asyncio.Future[Result]

    def settle(self, outcome: Result | Exception) -> None:
        """Hand the outcome over, unless the caller has gone."""
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class GroupCommit(Generic[Request, Result]):
    """A bounded waiting line before one writer, who commits all that waits at once."""

    def __init__(
        self,
        database: Database,
        work: Work[Request, Result],
        *,
        capacity: int,
        observe: Observe = lambda *_: None,
    ) -> None:
        self._database = database
        self._work = work
        self._observe = observe
        self._capacity = capacity
        self._line: list[_Waiter[Request, Result]] = []
        self._patience: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, request: Request) -> Result:
        """Wait until the request's result is committed and synced, and return it.

        A caller that is cancelled stops waiting; the transaction goes on without it.

        Raises:
            Busy: `capacity` requests wait already, or the line is closed; nothing was written.
            DatabaseUnavailable: no result within `ANSWER_TIMEOUT`; it may come to be written yet.
            DomainError: this request's own error, or that of the transaction.

        """
        if self._closed or len(self._line) >= self._capacity:
            raise Busy
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if not self._line:
            # One timer for all who wait for the same transaction: one each took 10 µs a request.
            self._patience = loop.call_later(ANSWER_TIMEOUT, _send_away, self._line)
        self._line.append(_Waiter(request, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._serve_the_line())
        return await future

    def length(self) -> int:
        """How many wait; those whose transaction is under way do not count."""
        return len(self._line)

    async def drain(self, within: float) -> None:
        """Close the line, and give those in it at most `within` seconds; then they are `Busy`."""
        self._closed = True
        if self._writer is not None:
            await asyncio.wait({self._writer}, timeout=within)
        for waiter in self._line:
            waiter.settle(Busy())

    async def _serve_the_line(self) -> None:
        try:
            while self._line:
                await self._let_more_come()
                batch, self._line, patience = self._line, [], self._patience
                await self._settle(batch)
                if patience is not None:
                    patience.cancel()
        finally:
            self._writer = None

    async def _let_more_come(self) -> None:
        """Let those join whose requests have arrived: half as many transactions, a fifth faster."""
        length = 0
        while length < len(self._line) < _ENOUGH:
            length = len(self._line)
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    async def _settle(self, batch: Sequence[_Waiter[Request, Result]]) -> None:
        # Whoever has gone before the transaction begins is not written.
        batch = [waiter for waiter in batch if not waiter.future.done()]
        if not batch:
            return
        outcomes: Sequence[Result | Exception]
        try:
            outcomes = await self._commit([waiter.request for waiter in batch])
        except DomainError as error:
            # The database is away or full, for one as for all.
            outcomes = [type(error)() for _ in batch]
        except Exception as error:  # noqa: BLE001  # whatever it is, each caller must hear of it
            if len(batch) > 1:
                # One of them breaks the transaction; alone, it breaks only its own.
                for waiter in batch:
                    await self._settle([waiter])
                return
            outcomes = [error]
        for waiter, outcome in zip(batch, outcomes, strict=True):
            waiter.settle(outcome)

    async def _commit(self, requests: Sequence[Request]) -> Sequence[Result | DomainError]:
        begin = worked = perf_counter()

        async def work(session: WriteSession) -> Sequence[Result | DomainError]:
            nonlocal worked
            results = await self._work(session, requests)
            worked = perf_counter()
            return results

        results = await self._database.write(work)
        end = perf_counter()
        self._observe(len(requests), end - begin, end - worked)
        return results


def _send_away(waiters: Sequence[_Waiter[Any, Any]]) -> None:
    """Tell all who still wait that the database does not answer."""
    for waiter in waiters:
        waiter.settle(DatabaseUnavailable())
