"""Interactions: bots create them, staff list, read, assign and close them."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.api.addresses import address
from app.api.dependencies import Page, ReadSession, database_of, intake_of
from app.api.errors import BODY_ERRORS, READ_ERRORS, WRITE_ERRORS, problems
from app.api.idempotency import (
    IDEMPOTENCY_KEY_PARAMETER,
    IDEMPOTENT_REPLAYED_HEADER,
    read_idempotency_key,
)
from app.api.interaction_json import interaction_response, interactions_response
from app.api.json_body import JSONRoute
from app.api.links import LOCATION_HEADER, link
from app.api.pagination import PAGE, next_page
from app.core.errors import (
    Busy,
    IdempotencyKeyReused,
    InteractionClosed,
    InteractionNotFound,
    NobodyElse,
    OperatorAtLimit,
    OperatorInactive,
    OperatorNotFound,
    SourceNotFound,
    found,
)
from app.crud import InteractionCRUD
from app.crud.interaction import InteractionRow
from app.schemas import AssignInteraction, CreateInteraction, ReadAssignment, ReadInteraction
from app.schemas.query import IdParameter, InteractionQuery
from app.services import interactions

router = APIRouter(tags=["interactions"], route_class=JSONRoute)

_CREATED: dict[str, Any] = {
    "headers": {
        "Location": LOCATION_HEADER,
        "Idempotent-Replayed": IDEMPOTENT_REPLAYED_HEADER,
    },
    "links": link("read_interaction", interaction_id="id")
    | link("list_assignments", interaction_id="id")
    | link("read_lead", lead_uuid="lead_uuid")
    | link("list_lead_interactions", lead_uuid="lead_uuid"),
}


@router.post(
    "/interaction",
    status_code=201,
    response_model=ReadInteraction,
    responses={
        201: _CREATED,
        **problems(SourceNotFound, IdempotencyKeyReused, Busy, *WRITE_ERRORS, *BODY_ERRORS),
    },
    openapi_extra={"parameters": [IDEMPOTENCY_KEY_PARAMETER]},
)
async def create_interaction(body: CreateInteraction, request: Request) -> Response:
    """Create an interaction: find or create the lead, and assign an operator.

    201 means that the interaction is committed to disk. If no operator is available, `operator_id`
    is null and the interaction waits.

    After a timeout or a 5xx, retry the same request. With the same `Idempotency-Key` the
    interaction is created only once, and the retry returns the original response with
    `Idempotent-Replayed: true`.
    """
    recorded = await intake_of(request).submit(body, read_idempotency_key(request))
    headers = {"Location": address(request, f"/interactions/{recorded.interaction.id}")}
    if recorded.replayed:
        headers["Idempotent-Replayed"] = "true"
    return interaction_response(recorded.interaction, status=201, headers=headers)


@router.get(
    "/interactions",
    response_model=list[ReadInteraction],
    responses={**PAGE, **problems(*READ_ERRORS)},
)
async def list_interactions(
    query: Annotated[InteractionQuery, Query()],
    session: ReadSession,
    request: Request,
) -> Response:
    """List interactions, oldest first. Filters can be combined."""
    page = await InteractionCRUD(session).list_page(**query.model_dump())
    return interactions_response(page, request)


@router.get(
    "/interactions/{interaction_id}",
    response_model=ReadInteraction,
    responses=problems(InteractionNotFound, *READ_ERRORS),
)
async def read_interaction(interaction_id: IdParameter, session: ReadSession) -> Response:
    """Read an interaction."""
    interaction = found(
        await InteractionCRUD(session).get_by_id(interaction_id), InteractionNotFound
    )
    return interaction_response(InteractionRow.of(interaction))


@router.post(
    "/interactions/{interaction_id}/close",
    response_model=ReadInteraction,
    responses=problems(InteractionNotFound, *WRITE_ERRORS),
)
async def close_interaction(interaction_id: IdParameter, request: Request) -> Response:
    """Close an interaction. Closing it again changes nothing, including `closed_at`.

    If this makes its operator available, the service assigns waiting interactions, oldest first.
    """
    interaction = await interactions.close(database_of(request), interaction_id)
    return interaction_response(interaction)


@router.post(
    "/interactions/{interaction_id}/assign",
    response_model=ReadInteraction,
    responses=problems(
        InteractionNotFound,
        OperatorNotFound,
        InteractionClosed,
        OperatorInactive,
        OperatorAtLimit,
        NobodyElse,
        *WRITE_ERRORS,
        *BODY_ERRORS,
    ),
)
async def assign_interaction(
    interaction_id: IdParameter, body: AssignInteraction, request: Request
) -> Response:
    """Assign an interaction to an operator.

    With `{}`, the service chooses an operator other than the current one.
    """
    interaction = await interactions.assign(database_of(request), interaction_id, body.operator_id)
    return interaction_response(interaction)


@router.get(
    "/interactions/{interaction_id}/assignments",
    response_model=list[ReadAssignment],
    responses={**PAGE, **problems(InteractionNotFound, *READ_ERRORS)},
)
async def list_assignments(
    interaction_id: IdParameter,
    page: Page,
    session: ReadSession,
    request: Request,
    response: Response,
) -> Sequence[interactions.Move]:
    """List the assignments of an interaction, oldest first, with their reasons and candidates.

    A page also ends after about 1 MiB.
    """
    moves, more = await interactions.list_moves(
        session, interaction_id, limit=page.limit, after=page.after
    )
    if more:
        response.headers.update(next_page(request, moves[-1].id))
    return moves
