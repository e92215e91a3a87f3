"""Simulates which operators would get a source's next inquiries; writes nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from threading import Event
from time import perf_counter, sleep
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.credits import carry_over
from app.core.distribution import Strategy
from app.core.errors import Busy, OperatorNotFound, SourceNotFound
from app.crud import Candidate, OperatorCRUD, Rotation, SourceOperatorSettingCRUD
from app.db.database import Database
from app.utils.distribution import Distributor, expected_shares

TURN_TIMEOUT = 1.0
"""Maximum seconds that a preview waits for its turn."""
MAX_WAITING = 8
"""Maximum number of previews that wait for their turn."""
_SLICE = 0.002
"""Seconds of picks after which the simulation lets other threads run."""


class OperatorPreview(NamedTuple):
    """An operator's part of a preview."""

    operator_id: int
    weight: int
    picks: int
    share: float | None
    """The operator's share of all picks, from 0 to 1; None if there were no picks."""
    target_share: float
    full_after: int | None
    """The number of the pick after which the operator is at its limit.

    0 if it is at its limit already, None if it does not reach its limit.
    """


class Preview(NamedTuple):
    """Which operators would get the next inquiries."""

    sequence: list[int | None]
    """Operator ids in order; None for an inquiry that would wait."""
    operators: list[OperatorPreview]


class Previews:
    """Runs previews one at a time: a long one occupies a core for a second, and intake needs it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def preview(
        self,
        source_id: int,
        *,
        count: int,
        weights: Mapping[int, int] | None = None,
        strategy: Strategy | None = None,
        seed: int | None = None,
    ) -> Preview:
        """Simulate the next `count` inquiries of new leads, with no interaction closed meanwhile.

        If the caller is cancelled, the simulation stops and the next preview starts. No connection
        is held while a preview waits or runs.

        Args:
            source_id: the source.
            count: the number of inquiries.
            weights: weights by operator id that replace the current ones.
            strategy: a strategy that replaces the current one.
            seed: makes `random` draw the same operators each time.

        Raises:
            Busy: the preview got no turn within `TURN_TIMEOUT`, or `MAX_WAITING` already wait.
            SourceNotFound: there is no such source.
            OperatorNotFound: a weight is for an operator that does not exist.

        """
        async with self._take_turn():
            async with self._database.reading() as session:
                rotation = await _rotation(session, source_id, weights, strategy)
            cancelled = Event()
            try:
                return await asyncio.to_thread(_simulate, rotation, count, Random(seed), cancelled)
            finally:
                cancelled.set()

    @asynccontextmanager
    async def _take_turn(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                await self._turn.acquire()
        except TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()


async def _rotation(
    session: AsyncSession,
    source_id: int,
    weights: Mapping[int, int] | None,
    strategy: Strategy | None,
) -> Rotation:
    rotation = (await SourceOperatorSettingCRUD(session).get_rotations([source_id])).get(source_id)
    if rotation is None:
        raise SourceNotFound
    if weights is not None:
        rotation = rotation._replace(candidates=await _candidates(session, rotation, weights))
    if strategy is not None:
        rotation = rotation._replace(strategy=strategy)
    return rotation


async def _candidates(
    session: AsyncSession, rotation: Rotation, weights: Mapping[int, int]
) -> list[Candidate]:
    """The operators with these weights, and the credits that they would carry over."""
    operators = await OperatorCRUD(session).get_by_ids(weights)
    if len(operators) < len(weights):
        raise OperatorNotFound
    loads = await OperatorCRUD(session).get_loads(weights) if rotation.enforce_load_limit else {}
    credits = carry_over(
        {candidate.operator_id: candidate.credit for candidate in rotation.candidates}, weights
    )
    return [
        Candidate(
            operator.id,
            weights[operator.id],
            operator.active,
            operator.load_limit,
            credits[operator.id],
            loads.get(operator.id),
        )
        for operator in operators
    ]


def _simulate(rotation: Rotation, count: int, random: Random, cancelled: Event) -> Preview:
    distributor = Distributor({0: rotation}, random)
    full_after = {
        snapshot.operator_id: 0
        for snapshot in distributor.consider(0)
        if snapshot.passed_over == "at_limit"
    }
    capacity = {
        candidate.operator_id: candidate.load_limit - candidate.load
        for candidate in rotation.candidates
        if candidate.load is not None and candidate.load_limit is not None
    }
    sequence: list[int | None] = []
    resumed = perf_counter()
    while len(sequence) < count and not cancelled.is_set():
        operator_id = distributor.choose(0).operator_id
        sequence.append(operator_id)
        if operator_id in capacity:
            capacity[operator_id] -= 1
            if capacity[operator_id] == 0:
                full_after[operator_id] = len(sequence)
        busy = perf_counter() - resumed
        if busy > _SLICE:
            # Half of the time goes to the threads of the event loop and of SQLite: otherwise Python
            # makes them wait 5 ms at each of the many switches between the two.
            sleep(busy)
            resumed = perf_counter()
    return Preview(sequence, _by_operator(rotation.candidates, sequence, full_after))


def _by_operator(
    candidates: Sequence[Candidate],
    sequence: Sequence[int | None],
    full_after: Mapping[int, int],
) -> list[OperatorPreview]:
    picks = Counter(sequence)
    picked = len(sequence) - picks[None]
    shares = expected_shares(candidates)
    return [
        OperatorPreview(
            operator_id=candidate.operator_id,
            weight=candidate.weight,
            picks=picks[candidate.operator_id],
            share=picks[candidate.operator_id] / picked if picked else None,
            target_share=shares[candidate.operator_id],
            full_after=full_after.get(candidate.operator_id),
        )
        for candidate in candidates
    ]
