"""Leads: staff look them up and read their interactions."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.dependencies import Page, ReadSession, database_of
from app.api.errors import BODY_ERRORS, READ_ERRORS, problems
from app.api.interaction_json import interactions_response
from app.api.json_body import JSONRoute
from app.api.links import link
from app.api.pagination import PAGE
from app.core.errors import LeadNotFound, found
from app.crud import InteractionCRUD, LeadCRUD
from app.models import Lead
from app.schemas import ReadInteraction, ReadLead, SearchLead
from app.schemas.query import UUIDParameter

router = APIRouter(prefix="/leads", tags=["leads"], route_class=JSONRoute)

_FOUND: dict[int | str, dict[str, Any]] = {
    200: {"links": link("list_lead_interactions", lead_uuid="uuid")}
}


@router.post(
    "/search",
    response_model=ReadLead,
    responses={**_FOUND, **problems(LeadNotFound, *READ_ERRORS, *BODY_ERRORS)},
)
async def search_lead(wanted: SearchLead, session: ReadSession) -> Lead:
    """Find a lead by e-mail address. The method is POST so that the address is not in a URL."""
    return found(await LeadCRUD(session).get_by_email(wanted.email), LeadNotFound)


@router.get(
    "/{lead_uuid}",
    response_model=ReadLead,
    responses={**_FOUND, **problems(LeadNotFound, *READ_ERRORS)},
)
async def read_lead(lead_uuid: UUIDParameter, session: ReadSession) -> Lead:
    """Read a lead."""
    return found(await LeadCRUD(session).get_by_uuid(lead_uuid), LeadNotFound)


@router.get(
    "/{lead_uuid}/interactions",
    response_model=list[ReadInteraction],
    responses={**PAGE, **problems(LeadNotFound, *READ_ERRORS)},
)
async def list_lead_interactions(
    lead_uuid: UUIDParameter, page: Page, request: Request
) -> Response:
    """List a lead's interactions, oldest first."""
    interactions = await database_of(request).read(
        lambda session: InteractionCRUD(session).list_by_lead(
            lead_uuid, limit=page.limit, after=page.after
        )
    )
    return interactions_response(found(interactions, LeadNotFound), request)
