"""Intake of inquiries: finds or creates leads, picks operators, writes interactions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from app.core.errors import IdempotencyKeyReused, ServiceError, SourceNotFound
from app.core.exact_json import ExactNumber, encode_canonical_json
from app.core.metrics import count_batch
from app.crud import (
    AssignmentCRUD,
    IdempotencyKeyCRUD,
    InteractionCRUD,
    LeadCRUD,
    LockCRUD,
    Rotation,
    SourceOperatorSettingCRUD,
)
from app.crud.idempotency_key import Answer, IdempotencySlot
from app.crud.interaction import InteractionRow, NewInteraction
from app.crud.interaction_ids import next_ids_of_new
from app.crud.lead import UNIQUE_EMAIL, new_uuids
from app.db.bulk.together import read_together, writing_together
from app.db.database import Database
from app.db.group_commit import GroupCommit
from app.db.session import WriteSession
from app.models.interaction import payload_text
from app.schemas.interaction import CreateInteraction
from app.services.tally import Tally
from app.utils.distribution import Choice, Distributor, write_credits


class Inquiry:
    """An inquiry as received, with its idempotency key if the bot sent one."""

    def __init__(self, body: CreateInteraction, key: str | None = None) -> None:
        self.body = body
        self.slot = None if key is None else IdempotencySlot(body.source_id, key)
        """Identifies the stored answer; None without a key."""

    def fingerprint(self) -> bytes:
        """SHA-256 of the request's content; the order of an object's members is ignored.

        Numbers are compared as they were written: `1.0` and `1.00` differ.
        """
        # The text begins with `2`, that of `_old_fingerprint` with `[`, so the two are never equal.
        return sha256(b"2" + encode_canonical_json(self._content()).encode()).digest()

    def has_fingerprint(self, stored: bytes) -> bool:
        """Whether this is the request whose fingerprint was stored, in either form."""
        return stored == self.fingerprint() or stored == self._old_fingerprint()

    def _old_fingerprint(self) -> bytes:
        """The fingerprint of releases that did not keep numbers as they were written."""
        text = json.dumps(self._content(), sort_keys=True, default=ExactNumber.plain)
        return sha256(text.encode()).digest()

    def _content(self) -> list[Any]:
        return [self.body.email, self.body.source_id, self.body.payload]


class Recorded(NamedTuple):
    """An interaction as written, and whether an earlier request wrote it."""

    interaction: InteractionRow
    replayed: bool = False


class Intake:
    """Records inquiries; those that arrive together share a transaction, the work of `record`."""

    def __init__(self, database: Database, *, capacity: int) -> None:
        self._transactions = GroupCommit(database, record, capacity=capacity, observe=count_batch)

    async def submit(self, body: CreateInteraction, idempotency_key: str | None) -> Recorded:
        """Record an inquiry; it is committed when this returns.

        Raises:
            Busy: the limit of pending requests is reached, or the service is shutting down;
                nothing was written.
            DatabaseUnavailable: the transaction did not finish in time; it may still be committed.
            SourceNotFound: there is no such source.
            IdempotencyKeyReused: the key was used for a different request.

        """
        return await self._transactions.submit(Inquiry(body, idempotency_key))

    def queue_depth(self) -> int:
        """The number of inquiries that wait for a transaction."""
        return self._transactions.queue_depth()

    async def drain(self, within: float) -> None:
        """Refuse further inquiries as `Busy`, and those still pending after `within` seconds."""
        await self._transactions.drain(within)


async def record(
    session: WriteSession, inquiries: Sequence[Inquiry]
) -> list[Recorded | ServiceError]:
    """Record a batch of inquiries, in order, in a fixed number of statements.

    On PostgreSQL it takes four round trips: BEGIN with locks, reads, writes, and COMMIT; and one
    more if a source is sticky.

    Returns:
        For each inquiry its interaction, or its own error: `SourceNotFound`,
        `IdempotencyKeyReused`.

    """
    found = await _find(session, inquiries)
    distributor = Distributor(found.rotations)
    positions = list(_positions_to_write(inquiries, found))
    new = [inquiries[position] for position in positions]
    async with writing_together(session, UNIQUE_EMAIL):
        rows = await _write(session, new, found, distributor)
        answers = found.answers | await _store_answers(session, list(zip(new, rows, strict=True)))
    written = dict(zip(positions, rows, strict=True))

    def result(position: int, inquiry: Inquiry) -> Recorded | ServiceError:
        if position in written:
            return Recorded(written[position])
        if inquiry.slot not in answers:
            return SourceNotFound()
        answer = answers[inquiry.slot]
        if not inquiry.has_fingerprint(answer.fingerprint):
            return IdempotencyKeyReused()
        return Recorded(answer.interaction, replayed=True)

    return [result(position, inquiry) for position, inquiry in enumerate(inquiries)]


class _Found(NamedTuple):
    """What a batch finds when it has locked its sources."""

    rotations: dict[int, Rotation]
    answers: dict[IdempotencySlot, Answer]
    leads: dict[str, UUID]
    ids: Sequence[int]
    """Ids for new interactions, at least one for each."""


async def _find(session: WriteSession, inquiries: Sequence[Inquiry]) -> _Found:
    source_ids = {inquiry.body.source_id for inquiry in inquiries}
    await LockCRUD(session).lock_first(source_ids)
    rotations = SourceOperatorSettingCRUD(session).locked_rotations(source_ids)
    leads = LeadCRUD(session).uuids({inquiry.body.email for inquiry in inquiries})
    slots = {inquiry.slot for inquiry in inquiries if inquiry.slot is not None}
    unkeyed = [(inquiry.body.source_id, None) for inquiry in inquiries if inquiry.slot is None]
    ids = next_ids_of_new(session, [*unkeyed, *slots])
    if not slots:
        await read_together(session, rotations, leads, ids)
        return _Found(rotations.result, {}, leads.result, ids.result)
    answers = IdempotencyKeyCRUD(session).answers(slots)
    await read_together(session, rotations, leads, ids, answers)
    return _Found(rotations.result, answers.result, leads.result, ids.result)


def _positions_to_write(inquiries: Sequence[Inquiry], found: _Found) -> Iterator[int]:
    """Positions of the inquiries to write: the source exists, and there is no key or a new one.

    Of several inquiries with the same new key, only the first is written.
    """
    claimed: set[IdempotencySlot] = set()
    for position, inquiry in enumerate(inquiries):
        if inquiry.body.source_id not in found.rotations:
            continue
        if inquiry.slot is not None:
            if inquiry.slot in found.answers or inquiry.slot in claimed:
                continue
            claimed.add(inquiry.slot)
        yield position


async def _write(
    session: WriteSession, inquiries: Sequence[Inquiry], found: _Found, distributor: Distributor
) -> list[InteractionRow]:
    if not inquiries:
        return []
    created = new_uuids({inquiry.body.email for inquiry in inquiries} - found.leads.keys())
    leads = found.leads | created
    choices = await _choose(session, inquiries, leads, distributor)
    if created:
        await LeadCRUD(session).create_many(created)
    written = await InteractionCRUD(session).create_many(
        [
            NewInteraction(
                lead_uuid=leads[inquiry.body.email],
                source_id=inquiry.body.source_id,
                operator_id=choice.operator_id,
                payload=payload_text(inquiry.body.payload),
            )
            for inquiry, choice in zip(inquiries, choices, strict=True)
        ],
        found.ids,
    )
    await _record_moves(session, distributor, list(zip(written, choices, strict=True)))
    return written


async def _choose(
    session: WriteSession,
    inquiries: Sequence[Inquiry],
    leads: Mapping[str, UUID],
    distributor: Distributor,
) -> list[Choice]:
    """Choose an operator for each inquiry, in order; a lead's later inquiries see earlier choices.

    If the source has a queue, an inquiry joins it even if an operator is available: a long queue is
    assigned in several transactions.
    """
    sticky = {
        leads[inquiry.body.email]
        for inquiry in inquiries
        if distributor.rotations[inquiry.body.source_id].sticky
    }
    earlier = await InteractionCRUD(session).get_latest(sticky) if sticky else {}
    latest = {lead: interaction.operator_id for lead, interaction in earlier.items()}
    choices = []
    for inquiry in inquiries:
        lead = leads[inquiry.body.email]
        if distributor.rotations[inquiry.body.source_id].has_queue:
            choice = distributor.queue_up(inquiry.body.source_id)
        else:
            choice = distributor.choose(inquiry.body.source_id, preferred=latest.get(lead))
        if choice.operator_id is not None:
            latest[lead] = choice.operator_id
        choices.append(choice)
    return choices


async def _record_moves(
    session: WriteSession,
    distributor: Distributor,
    choices: Sequence[tuple[InteractionRow, Choice]],
) -> None:
    """Write each choice as an assignment, then the changed credits and daily counts."""
    tally = Tally(distributor.rotations)
    for row, choice in choices:
        tally.count_assigned(row.source_id, row.created_at, choice)
    await AssignmentCRUD(session).create_many(
        [choice.assignment_of(row.id) for row, choice in choices]
    )
    await write_credits(session, distributor)
    await tally.write(session)


async def _store_answers(
    session: WriteSession, written: Sequence[tuple[Inquiry, InteractionRow]]
) -> dict[IdempotencySlot, Answer]:
    answers = {
        inquiry.slot: Answer(inquiry.fingerprint(), interaction)
        for inquiry, interaction in written
        if inquiry.slot is not None
    }
    if answers:
        await IdempotencyKeyCRUD(session).create_many(list(answers.items()))
    return answers
