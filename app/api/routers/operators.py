"""Operators: admins create and change them."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from app.api.addresses import address
from app.api.dependencies import Page, ReadSession, database_of
from app.api.errors import BODY_ERRORS, READ_ERRORS, WRITE_ERRORS, problems
from app.api.json_body import JSONRoute
from app.api.links import LOCATION_HEADER, link
from app.api.pagination import PAGE, paginate
from app.core.errors import OperatorNotFound, found
from app.crud import OperatorCRUD
from app.models import Operator
from app.schemas import CreateOperator, ReadOperator, UpdateOperator
from app.schemas.query import IdParameter
from app.services import operators

router = APIRouter(prefix="/operators", tags=["operators"], route_class=JSONRoute)


@router.get("", response_model=list[ReadOperator], responses={**PAGE, **problems(*READ_ERRORS)})
async def list_operators(
    page: Page, session: ReadSession, request: Request, response: Response
) -> Sequence[Operator]:
    """List operators in the order they were created."""
    rows = await OperatorCRUD(session).list_page(limit=page.limit + 1, after=page.after)
    return paginate(rows, page, request, response)


@router.post(
    "",
    status_code=201,
    response_model=ReadOperator,
    responses={
        201: {
            "headers": {"Location": LOCATION_HEADER},
            "links": link("read_operator", operator_id="id"),
        },
        **problems(*WRITE_ERRORS, *BODY_ERRORS),
    },
)
async def create_operator(new: CreateOperator, request: Request, response: Response) -> Operator:
    """Create an operator. It gets inquiries while active and with a weight above 0 in a source."""
    operator = await operators.create(database_of(request), new.model_dump())
    response.headers["Location"] = address(request, f"/operators/{operator.id}")
    return operator


@router.get(
    "/{operator_id}",
    response_model=ReadOperator,
    responses=problems(OperatorNotFound, *READ_ERRORS),
)
async def read_operator(operator_id: IdParameter, session: ReadSession) -> Operator:
    """Read an operator."""
    return found(await OperatorCRUD(session).get_by_id(operator_id), OperatorNotFound)


@router.patch(
    "/{operator_id}",
    response_model=ReadOperator,
    responses=problems(OperatorNotFound, *WRITE_ERRORS, *BODY_ERRORS),
)
async def update_operator(
    operator_id: IdParameter, changes: UpdateOperator, request: Request
) -> Operator:
    """Change the given fields of an operator. An inactive operator gets no further inquiries.

    If this makes the operator available, the service assigns waiting interactions, oldest first.
    """
    return await operators.update(database_of(request), operator_id, changes)
