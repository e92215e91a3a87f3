"""Plays through who would get a source's next inquiries, and writes nothing."""

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
"""Seconds that a preview waits for the one before it."""
MAX_WAITING = 8
"""Previews that wait at once."""
_SLICE = 0.002
"""Seconds of picks after which other threads have their time."""


class OperatorPreview(NamedTuple):
    """What an operator would get."""

    operator_id: int
    weight: int
    picks: int
    share: float | None
    """Of the picks, 0 to 1; None if there were none."""
    target_share: float
    full_after: int | None
    """The number of the pick after which it is at its limit, 0 if it is now; None if it is not."""


class Preview(NamedTuple):
    """Who would get the next inquiries."""

    sequence: list[int | None]
    """Operator ids in order; None for an inquiry that would wait."""
    operators: list[OperatorPreview]


class Previews:
    """Plays previews, one at a time: a long one takes a second of a core, and intake needs it."""

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
        """Who would get the next `count` inquiries of new leads, if nothing were closed meanwhile.

        A caller that is cancelled makes room for the next one. No connection is kept while this
        waits or plays.

        Args:
            source_id: the source.
            count: how many inquiries.
            weights: by operator id, in place of the present ones.
            strategy: in place of the present one.
            seed: makes `random` draw the same each time.

        Raises:
            Busy: another preview takes longer than `TURN_TIMEOUT`, or `MAX_WAITING` wait already.
            SourceNotFound: there is no such source.
            OperatorNotFound: a weight is for an operator that does not exist.

        """
        async with self._have_turn():
            async with self._database.reading() as session:
                rotation = await _rotation(session, source_id, weights, strategy)
            cancelled = Event()
            try:
                return await asyncio.to_thread(_play, rotation, count, Random(seed), cancelled)
            finally:
                cancelled.set()

    @asynccontextmanager
    async def _have_turn(self) -> AsyncIterator[None]:
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
    """What the weights would make of their operators and credits."""
    operators = await OperatorCRUD(session).get_by_ids(weights)
    if len(operators) < len(weights):
        raise OperatorNotFound
    loads = await OperatorCRUD(session).get_loads(weights) if rotation.enforce_load_limit else {}
    credits = carry_over({one.operator_id: one.credit for one in rotation.candidates}, weights)
    return [
        Candidate(
            one.id, weights[one.id], one.active, one.load_limit, credits[one.id], loads.get(one.id)
        )
        for one in operators
    ]


def _play(rotation: Rotation, count: int, random: Random, cancelled: Event) -> Preview:
    distributor = Distributor({0: rotation}, random)
    full_after = {
        one.operator_id: 0 for one in distributor.consider(0) if one.passed_over == "at_limit"
    }
    room = {
        one.operator_id: one.load_limit - one.load
        for one in rotation.candidates
        if one.load is not None and one.load_limit is not None
    }
    sequence: list[int | None] = []
    resumed = perf_counter()
    while len(sequence) < count and not cancelled.is_set():
        operator_id = distributor.choose(0).operator_id
        sequence.append(operator_id)
        if operator_id in room:
            room[operator_id] -= 1
            if room[operator_id] == 0:
                full_after[operator_id] = len(sequence)
        busy = perf_counter() - resumed
        if busy > _SLICE:
            # Half of the time is for the threads of the event loop and of SQLite: Python would let
            # them wait 5 ms for each of the many times that they hand over to one another.
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
            operator_id=one.operator_id,
            weight=one.weight,
            picks=picks[one.operator_id],
            share=picks[one.operator_id] / picked if picked else None,
            target_share=shares[one.operator_id],
            full_after=full_after.get(one.operator_id),
        )
        for one in candidates
    ]
