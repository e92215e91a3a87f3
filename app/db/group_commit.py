"""Group commit: many pending requests, one durable transaction.

A COMMIT that is synced to disk costs the same for one request as for a hundred. Requests are
pending while a transaction is in progress, and the next transaction takes all of them, together
with those that the event loop is about to read. No request waits for a timer: a single one is
written at once.

Source: Gawlick and Kinkade, Varieties of concurrency control in IMS/VS Fast Path, IEEE Database
Engineering 8 (2), 1985.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar

from app.core.errors import Busy, DatabaseUnavailable, ServiceError
from app.db.database import Database
from app.db.session import WriteSession
from app.db.settle import settle

ANSWER_TIMEOUT = 4.5
"""Seconds after which the oldest pending request, and all requests pending with it, fail."""

_LOOP_TICKS = 3
"""Maximum number of event loop iterations from reading a request's socket to `submit`."""
_BATCH_TARGET = 128
"""Requests for which a transaction begins without waiting for more."""

Request = TypeVar("Request")
Result = TypeVar("Result")

Work = Callable[[WriteSession, Sequence[Request]], Awaitable[Sequence[Result | ServiceError]]]
"""Does the work of a batch; returns the result or error of each request, in order."""

Observe = Callable[[int, float, float], None]
"""Called after each transaction with its number of requests, and the seconds that it and its COMMIT
took."""


class _Pending(NamedTuple, Generic[Request, Result]):
    request: Request
    future: asyncio.Future[Result]


class GroupCommit(Generic[Request, Result]):
    """A bounded queue of requests, and one task that commits all pending ones at once."""

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
        self._pending: list[_Pending[Request, Result]] = []
        self._timeout: asyncio.TimerHandle | None = None
        self._runner: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, request: Request) -> Result:
        """Wait until the request's result is committed and synced, and return it.

        A cancelled request is not written, unless its transaction has already begun.

        Raises:
            Busy: `capacity` requests are pending, or `drain` was called; nothing was written.
            DatabaseUnavailable: the transaction did not finish within `ANSWER_TIMEOUT`; it may
                still be committed.
            ServiceError: this request's own error, or that of the transaction.

        """
        if self._closed or len(self._pending) >= self._capacity:
            raise Busy
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if not self._pending:
            # One timer per batch: one per request took 10 µs each.
            self._timeout = loop.call_later(ANSWER_TIMEOUT, _fail_timed_out, self._pending)
        self._pending.append(_Pending(request, future))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return await future

    def queue_depth(self) -> int:
        """How many requests are pending, without those whose transaction is in progress."""
        return len(self._pending)

    async def drain(self, within: float) -> None:
        """Take no more requests, and let pending ones finish.

        Args:
            within: seconds, after which those that are still pending fail as `Busy`.

        """
        self._closed = True
        if self._runner is not None:
            await asyncio.wait({self._runner}, timeout=within)
        for pending in self._pending:
            settle(pending.future, Busy())

    async def _run(self) -> None:
        try:
            while self._pending:
                await self._coalesce()
                batch, self._pending, timeout = self._pending, [], self._timeout
                await self._settle(batch)
                if timeout is not None:
                    timeout.cancel()
        finally:
            self._runner = None

    async def _coalesce(self) -> None:
        """Let requests that have arrived join: half as many transactions, a fifth more requests."""
        depth = 0
        while depth < len(self._pending) < _BATCH_TARGET:
            depth = len(self._pending)
            for _ in range(_LOOP_TICKS):
                await asyncio.sleep(0)

    async def _settle(self, batch: Sequence[_Pending[Request, Result]]) -> None:
        # A request whose caller was cancelled before the transaction begins is not written.
        batch = [pending for pending in batch if not pending.future.done()]
        if not batch:
            return
        outcomes: Sequence[Result | Exception]
        try:
            outcomes = await self._commit([pending.request for pending in batch])
        except ServiceError as error:
            # The transaction failed as a whole: every request of the batch gets its error.
            outcomes = [type(error)() for _ in batch]
        except Exception as error:  # noqa: BLE001  # whatever it is, each caller must get it
            if len(batch) > 1:
                # Retry each request in its own transaction, so that only the faulty one fails.
                for pending in batch:
                    await self._settle([pending])
                return
            outcomes = [error]
        for pending, outcome in zip(batch, outcomes, strict=True):
            settle(pending.future, outcome)

    async def _commit(self, requests: Sequence[Request]) -> Sequence[Result | ServiceError]:
        begin = worked = perf_counter()

        async def work(session: WriteSession) -> Sequence[Result | ServiceError]:
            nonlocal worked
            results = await self._work(session, requests)
            worked = perf_counter()
            return results

        results = await self._database.write(work)
        end = perf_counter()
        self._observe(len(requests), end - begin, end - worked)
        return results


def _fail_timed_out(batch: Sequence[_Pending[Any, Any]]) -> None:
    """Fail all requests of a batch that have no outcome yet: the database does not answer."""
    for pending in batch:
        settle(pending.future, DatabaseUnavailable())
