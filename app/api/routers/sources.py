"""Sources: admins create and change them, and set the weights of their operators."""

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
from app.services import sources
from app.services.preview import Preview

router = APIRouter(prefix="/sources", tags=["sources"], route_class=JSONRoute)


@router.get("", response_model=list[ReadSource], responses={**PAGE, **problems(*READ_ERRORS)})
async def list_sources(
    page: Page, session: ReadSession, request: Request, response: Response
) -> Sequence[Source]:
    """List sources in the order they were created."""
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
    """Create a source. Its inquiries wait until an active operator has a weight above 0 in it."""
    source = await sources.create(database_of(request), new.model_dump())
    response.headers["Location"] = address(request, f"/sources/{source.id}")
    return source


@router.get(
    "/{source_id}", response_model=ReadSource, responses=problems(SourceNotFound, *READ_ERRORS)
)
async def read_source(source_id: IdParameter, session: ReadSession) -> Source:
    """Read a source."""
    return found(await SourceCRUD(session).get_by_id(source_id), SourceNotFound)


@router.patch(
    "/{source_id}",
    response_model=ReadSource,
    responses=problems(SourceNotFound, *WRITE_ERRORS, *BODY_ERRORS),
)
async def update_source(source_id: IdParameter, changes: UpdateSource, request: Request) -> Source:
    """Change the given fields of a source.

    Waiting interactions are assigned to operators that the change makes available.
    """
    return await sources.update(database_of(request), source_id, changes)


@router.get(
    "/{source_id}/operators",
    response_model=list[ReadSourceOperator],
    responses=problems(SourceNotFound, *READ_ERRORS),
)
async def list_source_operators(
    source_id: IdParameter, session: ReadSession
) -> Sequence[sources.WeightShare]:
    """List a source's operators with their weights and expected shares."""
    return await sources.read_weights(session, source_id)


@router.put(
    "/{source_id}/operators",
    response_model=list[ReadSourceOperator],
    responses=problems(SourceNotFound, OperatorNotFound, *WRITE_ERRORS, *BODY_ERRORS),
)
async def replace_source_operators(
    source_id: IdParameter, settings: SetSourceOperators, request: Request
) -> Sequence[sources.WeightShare]:
    """Replace a source's list of operators. Operators not in the list get no further inquiries.

    With the strategy `smooth`, operators that stay keep their credits and share those of removed
    operators by weight; new operators start at zero. Waiting interactions are assigned to operators
    that are available under the new list. Sending the current list changes nothing.
    """
    return await sources.replace_weights(database_of(request), source_id, _by_operator(settings))


@router.post(
    "/{source_id}/preview",
    response_model=ReadPreview,
    responses=problems(SourceNotFound, OperatorNotFound, Busy, *READ_ERRORS, *BODY_ERRORS),
)
async def preview_source(source_id: IdParameter, body: PreviewSource, request: Request) -> Preview:
    """Preview which operators the next inquiries would be assigned to. Writes nothing.

    The preview simulates inquiries of new leads, under the current or other weights, while no
    interaction is closed. Interactions that already wait would get the first picks. Each process
    runs one preview at a time; a preview that waits for more than a second gets `busy`.
    """
    preview = previews_of(request).preview(
        source_id,
        count=body.count,
        weights=None if body.weights is None else _by_operator(body.weights),
        strategy=body.strategy,
        seed=body.seed,
    )
    return await while_connected(request, preview)


def _by_operator(settings: SetSourceOperators) -> dict[int, int]:
    return {setting.operator_id: setting.weight for setting in settings}
