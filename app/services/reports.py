"""Reports on who got what of a source, and on how much the operators have at hand."""

from datetime import date
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.credits import apportion
from app.core.errors import SourceNotFound, found
from app.crud import DailyCountCRUD, InteractionCRUD, SourceCRUD, SourceOperatorSettingCRUD
from app.crud.daily_count import Counts
from app.services.tally import BILLION


class OperatorShare(NamedTuple):
    """An operator's part in a source's inquiries. Shares are 0 to 1, None where there are none."""

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
    """Who got what of a source's inquiries, and how many wait."""

    interactions: int
    waiting: int
    operators: list[OperatorShare]


async def report_source(
    session: AsyncSession, source_id: int, since: date | None = None, until: date | None = None
) -> SourceReport:
    """Shares of what came in from the one day to the other, both included, in UTC.

    A day that is None is without end. The targets sum to what was given out and what waits, unless
    something waits and no operator has a weight.

    Raises:
        SourceNotFound: there is no such source.

    """
    found(await SourceCRUD(session).get_by_id(source_id), SourceNotFound)
    settings = await SourceOperatorSettingCRUD(session).list_by_source(source_id)
    counts = await DailyCountCRUD(session).sum_by_operator(source_id, since, until)
    waiting = await InteractionCRUD(session).count_waiting(source_id, since, until)
    weights = {setting.operator_id: setting.weight for setting in settings}
    worth = apportion(BILLION * waiting, weights) if any(weights.values()) else {}
    sums = Counts(*map(sum, zip(*counts.values(), strict=True)))
    return SourceReport(
        interactions=sums.interactions,
        waiting=waiting,
        operators=[
            _share(
                operator_id,
                weights.get(operator_id, 0),
                counts.get(operator_id, Counts()),
                worth.get(operator_id, 0),
                sums,
            )
            for operator_id in sorted(weights.keys() | counts.keys())
        ],
    )


def _share(
    operator_id: int, weight: int, counts: Counts, waiting_target: int, sums: Counts
) -> OperatorShare:
    share = counts.interactions / sums.interactions if sums.interactions else None
    target_share = counts.target / sums.target if sums.target else None
    return OperatorShare(
        operator_id=operator_id,
        weight=weight,
        interactions=counts.interactions,
        target=(counts.target + waiting_target) / BILLION,
        share=share,
        target_share=target_share,
        deviation=None if share is None or target_share is None else share - target_share,
        lost_to_limit=counts.lost_to_limit / BILLION,
        lost_to_inactivity=counts.lost_to_inactivity / BILLION,
    )
