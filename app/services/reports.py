"""Reports on how a source's inquiries were shared among its operators."""

from datetime import date
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.credits import apportion
from app.core.errors import SourceNotFound, found
from app.crud import DailyCountCRUD, InteractionCRUD, SourceCRUD, SourceOperatorSettingCRUD
from app.crud.daily_count import Counts
from app.services.tally import BILLION


class OperatorShare(NamedTuple):
    """An operator's part in a source's inquiries.

    Shares are from 0 to 1, or None if no inquiries were assigned.
    """

    operator_id: int
    weight: int
    interactions: int
    target: float
    share: float | None
    target_share: float | None
    deviation: float | None
    lost_to_limit: float
    lost_to_inactivity: float


class SourceReport(NamedTuple):
    """How a source's inquiries were shared among its operators, and how many wait."""

    interactions: int
    waiting: int
    operators: list[OperatorShare]


async def report_source(
    session: AsyncSession, source_id: int, since: date | None = None, until: date | None = None
) -> SourceReport:
    """Shares of the inquiries received from `since` to `until`, both included, in UTC.

    A day that is None sets no bound. The targets sum to the number of assigned and waiting
    interactions, unless interactions wait and no operator has a weight above 0.

    Raises:
        SourceNotFound: there is no such source.

    """
    found(await SourceCRUD(session).get_by_id(source_id), SourceNotFound)
    settings = await SourceOperatorSettingCRUD(session).list_by_source(source_id)
    counts = await DailyCountCRUD(session).sum_by_operator(source_id, since, until)
    waiting = await InteractionCRUD(session).count_waiting(source_id, since, until)
    weights = {setting.operator_id: setting.weight for setting in settings}
    quotas = apportion(BILLION * waiting, weights) if any(weights.values()) else {}
    sums = Counts(*map(sum, zip(*counts.values(), strict=True)))
    return SourceReport(
        interactions=sums.interactions,
        waiting=waiting,
        operators=[
            _share(
                operator_id,
                weights.get(operator_id, 0),
                counts.get(operator_id, Counts()),
                quotas.get(operator_id, 0),
                sums,
            )
            for operator_id in sorted(weights.keys() | counts.keys())
        ],
    )


def _share(
    operator_id: int, weight: int, counts: Counts, waiting_quota: int, sums: Counts
) -> OperatorShare:
    share = counts.interactions / sums.interactions if sums.interactions else None
    target_share = counts.target / sums.target if sums.target else None
    return OperatorShare(
        operator_id=operator_id,
        weight=weight,
        interactions=counts.interactions,
        target=(counts.target + waiting_quota) / BILLION,
        share=share,
        target_share=target_share,
        deviation=None if share is None or target_share is None else share - target_share,
        lost_to_limit=counts.lost_to_limit / BILLION,
        lost_to_inactivity=counts.lost_to_inactivity / BILLION,
    )
