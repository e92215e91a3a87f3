"""Takes inquiries in: finds or creates their leads, picks their operators, writes them down."""

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import DomainError, IdempotencyKeyReused, SourceNotFound
from app.crud import (
    Candidate,
    IdempotencyKeyCRUD,
    InteractionCRUD,
    LeadCRUD,
    SourceOperatorSettingCRUD,
)
from app.crud.idempotency_key import Answer, Slot
from app.crud.interaction import InteractionRow, NewInteraction
from app.schemas.interaction import CreateInteraction
from app.utils.distribution import pick_by_weight


class Inquiry(NamedTuple):
    """An inquiry as it came, under the idempotency key of its bot if that gave one."""

    body: CreateInteraction
    key: str | None = None

    @property
    def slot(self) -> Slot | None:
        """Where the answer is remembered."""
        return None if self.key is None else Slot(self.body.source_id, self.key)

    def fingerprint(self) -> bytes:
        """SHA-256 of the request's meaning: the order of an object's members does not count."""
        content = [self.body.email, self.body.source_id, self.body.payload]
        return sha256(json.dumps(content, sort_keys=True).encode()).digest()


class Recorded(NamedTuple):
    """An interaction as it was written, and whether that was done for an earlier request."""

    interaction: InteractionRow
    replayed: bool = False


async def record(
    session: AsyncSession, inquiries: Sequence[Inquiry]
) -> list[Recorded | DomainError]:
    """Write down a batch of inquiries, in order, in a fixed number of statements.

    Returns:
        For each inquiry its interaction, or the error that befell it alone: `SourceNotFound`,
        `IdempotencyKeyReused`.

    """
    candidates = await SourceOperatorSettingCRUD(session).get_candidates_by_source(
        {inquiry.body.source_id for inquiry in inquiries}
    )
    answers = await _earlier_answers(session, inquiries)
    new = {
        position: inquiries[position]
        for position in _positions_to_write(inquiries, candidates, answers)
    }
    written = dict(zip(new, await _write(session, list(new.values()), candidates), strict=True))
    answers |= await _remember(session, [(new[at], row) for at, row in written.items()])

    def result(position: int, inquiry: Inquiry) -> Recorded | DomainError:
        if position in written:
            return Recorded(written[position])
        if inquiry.slot not in answers:
            return SourceNotFound()
        answer = answers[inquiry.slot]
        if answer.fingerprint != inquiry.fingerprint():
            return IdempotencyKeyReused()
        return Recorded(answer.interaction, replayed=True)

    return [result(position, inquiry) for position, inquiry in enumerate(inquiries)]


async def _earlier_answers(
    session: AsyncSession, inquiries: Sequence[Inquiry]
) -> dict[Slot, Answer]:
    slots = {inquiry.slot for inquiry in inquiries if inquiry.slot is not None}
    return await IdempotencyKeyCRUD(session).get_answers(slots) if slots else {}


def _positions_to_write(
    inquiries: Sequence[Inquiry], sources: Container[int], answers: Container[Slot]
) -> Iterator[int]:
    """Those of a known source that are the first under their key, or have none."""
    claimed: set[Slot] = set()
    for position, inquiry in enumerate(inquiries):
        if inquiry.body.source_id not in sources:
            continue
        if inquiry.slot is not None:
            if inquiry.slot in answers or inquiry.slot in claimed:
                continue
            claimed.add(inquiry.slot)
        yield position


async def _write(
    session: AsyncSession, inquiries: Sequence[Inquiry], candidates: Mapping[int, list[Candidate]]
) -> list[InteractionRow]:
    if not inquiries:
        return []
    bodies = [inquiry.body for inquiry in inquiries]
    leads = await LeadCRUD(session).get_or_create_by_emails(body.email for body in bodies)
    return await InteractionCRUD(session).create_many(
        [
            NewInteraction(
                lead_uuid=leads[body.email],
                source_id=body.source_id,
                operator_id=pick_by_weight(candidates[body.source_id]),
                payload=body.payload,
            )
            for body in bodies
        ]
    )


async def _remember(
    session: AsyncSession, written: Sequence[tuple[Inquiry, InteractionRow]]
) -> dict[Slot, Answer]:
    answers = {
        inquiry.slot: Answer(inquiry.fingerprint(), interaction)
        for inquiry, interaction in written
        if inquiry.slot is not None
    }
    if answers:
        await IdempotencyKeyCRUD(session).create_many(list(answers.items()))
    return answers
