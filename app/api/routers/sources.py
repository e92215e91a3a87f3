"""Sources: admins create and change them, and set who answers for them."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from app.api.addresses import address
from app.api.dependencies import Page, ReadSession, database_of, previews_of
from app.api.disconnect import while_connected
from app.api.errors import BODY_ERRORS, READ_ERRORS, WRITE_ERRORS, problems
from app.api.json_body import JSONRoute
from app.api.links import LOCATION_HEADER, link
from app.api.pagination import PAGE, paginate
from app.core.errors import Busy, OperatorNotFound, SourceNotFound, found
from app.crud import SourceCRUD
from app.models import Source
from app.schemas import (
    CreateSource,
    PreviewSource,
    ReadPreview,
    ReadSource,
    ReadSourceOperator,
    SetSourceOperators,
    UpdateSource,
)
from app.schemas.query import IdParameter
from app.services import admin
from app.services.preview import Preview

router = APIRouter(prefix="/sources", tags=["sources"], route_class=JSONRoute)


@router.get("", response_model=list[ReadSource], responses={**PAGE, **problems(*READ_ERRORS)})
async def list_sources(
    page: Page, session: ReadSession, request: Request, response: Response
) -> Sequence[Source]:
    """Sources, in the order they were created."""
    rows = await SourceCRUD(session).list_page(limit=page.limit + 1, after=page.after)
    return paginate(rows, page, request, response)


@router.post(
    "",
    status_code=201,
    response_model=ReadSource,
    responses={
        201: {
            "headers": {"Location": LOCATION_HEADER},
            "links": link("read_source", source_id="id")
            | link("list_source_operators", source_id="id"),
        },
        **problems(*WRITE_ERRORS, *BODY_ERRORS),
    },
)
async def create_source(new: CreateSource, request: Request, response: Response) -> Source:
    """Create a source. Its inquiries wait until operators have weights in it."""
    source = await admin.create_source(database_of(request), new.model_dump())
    response.headers["Location"] = address(request, f"/sources/{source.id}")
    return source


@router.get(
    "/{source_id}", response_model=ReadSource, responses=problems(SourceNotFound, *READ_ERRORS)
)
async def read_source(source_id: IdParameter, session: ReadSession) -> Source:
    """One source."""
    return found(await SourceCRUD(session).get_by_id(source_id), SourceNotFound)


@router.patch(
    "/{source_id}",
    response_model=ReadSource,
    responses=problems(SourceNotFound, *WRITE_ERRORS, *BODY_ERRORS),
)
async def update_source(source_id: IdParameter, changes: UpdateSource, request: Request) -> Source:
    """Change what is named, keep the rest. What waits goes to whoever is available by it."""
    return await admin.update_source(database_of(request), source_id, changes)


@router.get(
    "/{source_id}/operators",
    response_model=list[ReadSourceOperator],
    responses=problems(SourceNotFound, *READ_ERRORS),
)
async def list_source_operators(
    source_id: IdParameter, session: ReadSession
) -> Sequence[admin.WeightShare]:
    """The operators of a source with their weights and the shares expected of them."""
    return await admin.read_weights(session, source_id)


@router.put(
    "/{source_id}/operators",
    response_model=list[ReadSourceOperator],
    responses=problems(SourceNotFound, OperatorNotFound, *WRITE_ERRORS, *BODY_ERRORS),
)
async def replace_source_operators(
    source_id: IdParameter, settings: SetSourceOperators, request: Request
) -> Sequence[admin.WeightShare]:
    """Replace the whole list at once: who is not named no longer answers for this source.

    Under the strategy `smooth` operators that stay keep what they are owed or owe; they share by
    weight what was owed to or by those that go, and new ones begin at zero. What waits goes to
    operators that are available by the new list. The list that stands already changes nothing.
    """
    return await admin.replace_weights(database_of(request), source_id, _by_operator(settings))


@router.post(
    "/{source_id}/preview",
    response_model=ReadPreview,
    responses=problems(SourceNotFound, OperatorNotFound, Busy, *READ_ERRORS, *BODY_ERRORS),
)
async def preview_source(source_id: IdParameter, body: PreviewSource, request: Request) -> Preview:
    """Who would get the next inquiries under the present or other weights. Writes nothing.

    Inquiries of new leads, one after another, while nothing is closed; those that wait already
    come first. One preview is played at a time; while a long one goes on, others are `busy`.
    """
    playing = previews_of(request).preview(
        source_id,
        count=body.count,
        weights=None if body.weights is None else _by_operator(body.weights),
        strategy=body.strategy,
        seed=body.seed,
    )
    return await while_connected(request, playing)


def _by_operator(settings: SetSourceOperators) -> dict[int, int]:
    return {setting.operator_id: setting.weight for setting in settings}
