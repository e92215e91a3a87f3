"""Takes inquiries in: finds or creates their leads, picks their operators, writes them down."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import DomainError, SourceNotFound
from app.crud import InteractionCRUD, LeadCRUD, SourceOperatorSettingCRUD
from app.crud.interaction import InteractionRow, NewInteraction
from app.schemas.interaction import CreateInteraction
from app.utils.distribution import pick_by_weight


async def record(
    session: AsyncSession, inquiries: Sequence[CreateInteraction]
) -> list[InteractionRow | DomainError]:
    """Write down a batch of inquiries, in order, in a fixed number of statements.

    Returns:
        For each inquiry its interaction, or the error that befell it alone: `SourceNotFound`.

    """
    candidates = await SourceOperatorSettingCRUD(session).get_candidates_by_source(
        {inquiry.source_id for inquiry in inquiries}
    )
    accepted = [inquiry for inquiry in inquiries if inquiry.source_id in candidates]
    if not accepted:
        return [SourceNotFound() for _ in inquiries]
    leads = await LeadCRUD(session).get_or_create_by_emails(inquiry.email for inquiry in accepted)
    written = iter(
        await InteractionCRUD(session).create_many(
            [
                NewInteraction(
                    lead_uuid=leads[inquiry.email],
                    source_id=inquiry.source_id,
                    operator_id=pick_by_weight(candidates[inquiry.source_id]),
                    payload=inquiry.payload,
                )
                for inquiry in accepted
            ]
        )
    )
    return [
        next(written) if inquiry.source_id in candidates else SourceNotFound()
        for inquiry in inquiries
    ]
