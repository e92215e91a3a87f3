"""Sources: admins create and change them, and set who answers for them."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from app.api.dependencies import Page, ReadSession, WriteSession
from app.api.errors import BODY_ERRORS, READ_ERRORS, WRITE_ERRORS, problems
from app.api.json_body import JSONRoute
from app.api.pagination import paginate
from app.core.errors import OperatorNotFound, SourceNotFound
from app.crud import SourceCRUD
from app.models import Source
from app.schemas import (
    CreateSource,
    ReadSource,
    ReadSourceOperator,
    SetSourceOperators,
    UpdateSource,
)
from app.schemas.query import IdParameter
from app.services import weights

router = APIRouter(prefix="/sources", tags=["sources"], route_class=JSONRoute)


@router.get("", response_model=list[ReadSource], responses=problems(*READ_ERRORS))
async def list_sources(
    page: Page, session: ReadSession, request: Request, response: Response
) -> Sequence[Source]:
    """Sources, in the order they were created."""
    rows = await SourceCRUD(session).list_page(limit=page.limit + 1, after=page.after)
    return paginate(rows, page, request, response)


@router.post(
    "", status_code=201, response_model=ReadSource, responses=problems(*WRITE_ERRORS, *BODY_ERRORS)
)
async def create_source(new: CreateSource, session: WriteSession, response: Response) -> Source:
    """Create a source. Its inquiries wait until operators have weights in it."""
    source = await SourceCRUD(session).create(**new.model_dump())
    response.headers["Location"] = f"/sources/{source.id}"
    return source


@router.get(
    "/{source_id}", response_model=ReadSource, responses=problems(SourceNotFound, *READ_ERRORS)
)
async def read_source(source_id: IdParameter, session: ReadSession) -> Source:
    """One source."""
    return _found(await SourceCRUD(session).get_by_id(source_id))


@router.patch(
    "/{source_id}",
    response_model=ReadSource,
    responses=problems(SourceNotFound, *WRITE_ERRORS, *BODY_ERRORS),
)
async def update_source(
    source_id: IdParameter, changes: UpdateSource, session: WriteSession
) -> Source:
    """Change what is named, keep the rest."""
    return _found(await SourceCRUD(session).update(source_id, changes))


@router.get(
    "/{source_id}/operators",
    response_model=list[ReadSourceOperator],
    responses=problems(SourceNotFound, *READ_ERRORS),
)
async def list_source_operators(
    source_id: IdParameter, session: ReadSession
) -> Sequence[weights.WeightShare]:
    """The operators of a source with their weights and the shares expected of them."""
    return await weights.read(session, source_id)


@router.put(
    "/{source_id}/operators",
    response_model=list[ReadSourceOperator],
    responses=problems(SourceNotFound, OperatorNotFound, *WRITE_ERRORS, *BODY_ERRORS),
)
async def replace_source_operators(
    source_id: IdParameter, settings: SetSourceOperators, session: WriteSession
) -> Sequence[weights.WeightShare]:
    """Replace the whole list at once: who is not named no longer answers for this source."""
    return await weights.replace(
        session, source_id, {setting.operator_id: setting.weight for setting in settings}
    )


def _found(source: Source | None) -> Source:
    if source is None:
        raise SourceNotFound
    return source
