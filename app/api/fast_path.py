"""The fast path: answers the plain requests of the two busiest routes without FastAPI.

FastAPI takes longer to find a route, resolve its parameters and validate its body than the service
takes to store an inquiry. So for the following requests this middleware calls the route's function
itself, with the same body and request that FastAPI would pass:

- `POST /interaction` whose headers are all different, with `Content-Length`, exactly
  `Content-Type: application/json`, and neither `Transfer-Encoding` nor `Content-Encoding`; its body
  has arrived in one part, and is valid;
- `GET /leads/{lead_uuid}/interactions` with the UUID in lower case.

Both without a query and without a root path. Everything else goes on to FastAPI as it came, in
particular every request whose error FastAPI must describe. `main.py` leaves the fast path out while
requests are traced; to switch it off, remove it there.
"""

import re
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import MalformedBody, invalid_request_response, service_error_response
from app.api.json_body import parse_json
from app.api.routers import interactions, leads
from app.core.errors import ServiceError
from app.schemas import CreateInteraction
from app.schemas.query import PageQuery

_lead_page = re.compile(
    r"/leads/([0-9a-f]{8}(-?)(?:[0-9a-f]{4}\2){3}[0-9a-f]{12})/interactions"
).fullmatch
_FIRST_PAGE = PageQuery()


class FastPath:
    """Middleware that answers plain requests, and passes on all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._create_interaction = _route(interactions.router, interactions.create_interaction)
        self._list_lead_interactions = _route(leads.router, leads.list_lead_interactions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["query_string"] and not scope.get("root_path"):
            path, method = scope["path"], scope["method"]
            if method == "POST" and path == "/interaction" and _has_plain_headers(scope["headers"]):
                message = await receive()
                body = _plain_body(message)
                if body is not None:
                    scope["route"] = self._create_interaction
                    request = Request(scope)
                    answer = interactions.create_interaction(body, request)
                    await _send(answer, request, receive, send)
                    return
                receive = _starting_with(message, receive)
            elif method == "GET" and (page := _lead_page(path)):
                scope["route"] = self._list_lead_interactions
                request = Request(scope)
                answer = leads.list_lead_interactions(UUID(page[1]), _FIRST_PAGE, request)
                await _send(answer, request, receive, send)
                return
        await self._app(scope, receive, send)


def _route(router: APIRouter, function: object) -> BaseRoute:
    """The route of a function, which names it in the log."""
    [route] = (route for route in router.routes if getattr(route, "endpoint", None) is function)
    return route


def _has_plain_headers(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    fields = dict(headers)
    return (
        len(fields) == len(headers)
        and fields.get(b"content-type") == b"application/json"
        and b"content-length" in fields
        and b"transfer-encoding" not in fields
        and b"content-encoding" not in fields
    )


def _plain_body(message: Message) -> CreateInteraction | None:
    """The inquiry, if this is the whole body and valid."""
    if message["type"] != "http.request" or message.get("more_body"):
        return None
    try:
        return CreateInteraction.model_validate(parse_json(message.get("body", b"")))
    except (MalformedBody, ValidationError):
        return None


def _starting_with(message: Message, receive: Receive) -> Receive:
    """A `receive` that returns a message again, which was received already."""
    received = [message]

    async def receive_again() -> Message:
        return received.pop() if received else await receive()

    return receive_again


async def _send(
    answer: Coroutine[Any, Any, Response], request: Request, receive: Receive, send: Send
) -> None:
    try:
        response = await answer
    except ServiceError as error:
        response = service_error_response(request.state.request_id, error)
    except RequestValidationError as error:
        response = invalid_request_response(request.state.request_id, error)
    await response(request.scope, receive, send)
