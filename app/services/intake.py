"""Takes inquiries in: finds or creates their leads, picks their operators, writes them down."""

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from app.core.errors import IdempotencyKeyReused, ServiceError, SourceNotFound
from app.core.exact_json import ExactNumber, encode_canonical_json
from app.core.metrics import count_batch
from app.crud import AssignmentCRUD, IdempotencyKeyCRUD, InteractionCRUD, LeadCRUD
from app.crud.idempotency_key import Answer, IdempotencySlot
from app.crud.interaction import InteractionRow, NewInteraction
from app.db.database import Database, WriteSession
from app.db.group_commit import GroupCommit
from app.models.interaction import payload_text
from app.schemas.interaction import CreateInteraction
from app.services.tally import Tally
from app.utils.distribution import Choice, Distributor, open_distributor, write_credits


class Inquiry(NamedTuple):
    """An inquiry as it came, under the idempotency key of its bot if that gave one."""

    body: CreateInteraction
    key: str | None = None

    @property
    def slot(self) -> IdempotencySlot | None:
        """Where the answer is remembered."""
        return None if self.key is None else IdempotencySlot(self.body.source_id, self.key)

    def fingerprint(self) -> bytes:
        """SHA-256 of the request's meaning: the order of an object's members does not count.

        Numbers do as they were written.
        """
        # The first form's text begins with a bracket: no hash of the one is ever one of the other.
        return sha256(b"2" + encode_canonical_json(self._content()).encode()).digest()

    def has_fingerprint(self, stored: bytes) -> bool:
        """Whether this is the request whose fingerprint was stored, in whichever form."""
        return stored == self.fingerprint() or stored == self._first_fingerprint()

    def _first_fingerprint(self) -> bytes:
        """What was stored before numbers were kept as they were written."""
        text = json.dumps(self._content(), sort_keys=True, default=ExactNumber.plain)
        return sha256(text.encode()).digest()

    def _content(self) -> list[Any]:
        return [self.body.email, self.body.source_id, self.body.payload]


class Recorded(NamedTuple):
    """An interaction as it was written, and whether that was done for an earlier request."""

    interaction: InteractionRow
    replayed: bool = False


class Intake:
    """Takes inquiries in, those that arrive together in one transaction."""

    def __init__(self, database: Database, *, capacity: int) -> None:
        self._transactions = GroupCommit(database, record, capacity=capacity, observe=count_batch)

    async def submit(self, body: CreateInteraction, idempotency_key: str | None) -> Recorded:
        """Take an inquiry in; it is committed when this returns.

        Raises:
            Busy: as many requests are pending as there may be, or the service is shutting down;
                nothing was written.
            DatabaseUnavailable: no result in time; the inquiry may be written yet.
            SourceNotFound: there is no such source.
            IdempotencyKeyReused: the key was used for a different request.

        """
        return await self._transactions.submit(Inquiry(body, idempotency_key))

    def queue_depth(self) -> int:
        """How many inquiries wait for a transaction."""
        return self._transactions.queue_depth()

    async def drain(self, within: float) -> None:
        """Refuse further inquiries, and after so many seconds pending ones, as `Busy`."""
        await self._transactions.drain(within)


async def record(
    session: WriteSession, inquiries: Sequence[Inquiry]
) -> list[Recorded | ServiceError]:
    """Write down a batch of inquiries, in order, in a fixed number of statements.

    Returns:
        For each inquiry its interaction, or the error that befell it alone: `SourceNotFound`,
        `IdempotencyKeyReused`.

    """
    distributor = await open_distributor(session, {inquiry.body.source_id for inquiry in inquiries})
    answers = await _earlier_answers(session, inquiries)
    positions = list(_positions_to_write(inquiries, distributor.rotations, answers))
    new = [inquiries[position] for position in positions]
    written = dict(zip(positions, await _write(session, new, distributor), strict=True))
    answers |= await _remember(session, list(zip(new, written.values(), strict=True)))

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


async def _earlier_answers(
    session: WriteSession, inquiries: Sequence[Inquiry]
) -> dict[IdempotencySlot, Answer]:
    slots = {inquiry.slot for inquiry in inquiries if inquiry.slot is not None}
    return await IdempotencyKeyCRUD(session).get_answers(slots) if slots else {}


def _positions_to_write(
    inquiries: Sequence[Inquiry], sources: Container[int], answers: Container[IdempotencySlot]
) -> Iterator[int]:
    """Those of a known source that are the first under their key, or have none."""
    claimed: set[IdempotencySlot] = set()
    for position, inquiry in enumerate(inquiries):
        if inquiry.body.source_id not in sources:
            continue
        if inquiry.slot is not None:
            if inquiry.slot in answers or inquiry.slot in claimed:
                continue
            claimed.add(inquiry.slot)
        yield position


async def _write(
    session: WriteSession, inquiries: Sequence[Inquiry], distributor: Distributor
) -> list[InteractionRow]:
    if not inquiries:
        return []
    leads = await LeadCRUD(session).get_or_create_by_emails(
        inquiry.body.email for inquiry in inquiries
    )
    choices = await _choose(session, inquiries, leads, distributor)
    written = await InteractionCRUD(session).create_many(
        [
            NewInteraction(
                lead_uuid=leads[inquiry.body.email],
                source_id=inquiry.body.source_id,
                operator_id=choice.operator_id,
                payload=payload_text(inquiry.body.payload),
            )
            for inquiry, choice in zip(inquiries, choices, strict=True)
        ]
    )
    await _record_moves(session, distributor, list(zip(written, choices, strict=True)))
    return written


async def _choose(
    session: WriteSession,
    inquiries: Sequence[Inquiry],
    leads: Mapping[str, UUID],
    distributor: Distributor,
) -> list[Choice]:
    """Choose for each in order; what a lead gets here is its latest for the next one.

    Where interactions wait already, new ones wait behind them, operator or not: a long
    queue is given out in several transactions.
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
    """Write down why each went where it went, and what that changes for those who come."""
    tally = Tally(distributor.rotations)
    for row, choice in choices:
        tally.count_assigned(row.source_id, row.created_at, choice)
    await AssignmentCRUD(session).create_many(
        [choice.assignment_of(row.id) for row, choice in choices]
    )
    await write_credits(session, distributor)
    await tally.write(session)


async def _remember(
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
