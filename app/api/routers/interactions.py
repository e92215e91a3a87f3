"""Interactions: bots create them, staff list, read and close them."""

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
from app.services import history, queue
from app.services.intake import Inquiry

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
    """Take an inquiry in: find or create the lead, pick the operator, write the interaction.

    201 means that all of it is on disk. If no operator is available, `operator_id` is null and the
    interaction waits.

    Without an answer, or with a 5xx, send the same request again: with the same `Idempotency-Key`
    it is written once, and answered as it was the first time, with `Idempotent-Replayed: true`.
    """
    inquiry = Inquiry(body, read_idempotency_key(request))
    recorded = await intake_of(request).submit(inquiry)
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
    """Interactions, oldest first, filtered by any of the parameters together."""
    page = await InteractionCRUD(session).list_page(**query.model_dump())
    return interactions_response(page, request)


@router.get(
    "/interactions/{interaction_id}",
    response_model=ReadInteraction,
    responses=problems(InteractionNotFound, *READ_ERRORS),
)
async def read_interaction(interaction_id: IdParameter, session: ReadSession) -> Response:
    """One interaction."""
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
    """Close an interaction. Closing it again changes nothing, `closed_at` included.

    What its operator can take now goes to it from the queue, oldest first.
    """
    interaction = await queue.close(database_of(request), interaction_id)
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
    """Give an interaction to this operator, or with `{}` choose again without the present one."""
    interaction = await queue.assign(database_of(request), interaction_id, body.operator_id)
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
) -> Sequence[history.Move]:
    """The moves of an interaction, oldest first: who got it, when, why, and among whom.

    A page also ends after about 1 MiB.
    """
    moves, more = await history.list_moves(
        session, interaction_id, limit=page.limit, after=page.after
    )
    if more:
        response.headers.update(next_page(request, moves[-1].id))
    return moves
