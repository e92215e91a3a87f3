"""Reports: admins read operators' shares and loads."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import Page, ReadSession
from app.api.errors import READ_ERRORS, problems
from app.api.json_body import JSONRoute
from app.api.pagination import PAGE, paginate
from app.core.errors import SourceNotFound
from app.crud import OperatorCRUD
from app.crud.operator import OperatorLoad
from app.schemas import PeriodQuery, ReadOperatorLoad, ReadSourceReport
from app.schemas.query import IdParameter
from app.services import reports

router = APIRouter(prefix="/stats", tags=["stats"], route_class=JSONRoute)


@router.get(
    "/sources/{source_id}",
    response_model=ReadSourceReport,
    responses=problems(SourceNotFound, *READ_ERRORS),
)
async def report_source(
    source_id: IdParameter, period: Annotated[PeriodQuery, Query()], session: ReadSession
) -> reports.SourceReport:
    """Report how a source's inquiries were shared, compared with its operators' weights."""
    return await reports.report_source(session, source_id, period.since, period.until)


@router.get(
    "/operators",
    response_model=list[ReadOperatorLoad],
    responses={**PAGE, **problems(*READ_ERRORS)},
)
async def report_operators(
    page: Page, session: ReadSession, request: Request, response: Response
) -> Sequence[OperatorLoad]:
    """List each operator's load, load limit and waiting interactions."""
    rows = await OperatorCRUD(session).list_loads(limit=page.limit + 1, after=page.after)
    return paginate(rows, page, request, response)
