"""Swagger UI at `/docs`, from assets of the service's own, and the OpenAPI document it shows."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.api.addresses import address
from app.api.openapi import install_openapi

DESCRIPTION = """
Bots send inquiries to `POST /interaction`. The service finds or creates the lead by e-mail, picks
an operator by the weights set for the source, and answers 201 once all of it is on disk. Staff
read, assign and close interactions; admins set operators, sources and weights.

Lists come in pages: the `Link` header leads to the next one. Errors are `application/problem+json`
(RFC 9457) with a stable `code`, and never repeat a value that was sent. After a 503 the client
waits as long as `Retry-After` says and sends the same request again.
"""

TAGS = [
    {
        "name": "interactions",
        "description": "Bots send inquiries; staff list, read, assign and close them.",
    },
    {"name": "leads", "description": "Staff look leads up and read their interactions."},
    {"name": "operators", "description": "Admins set who answers."},
    {"name": "sources", "description": "Admins set where inquiries come from and who answers."},
    {"name": "stats", "description": "Admins see shares, loads and queues."},
    {"name": "health", "description": "Probes."},
]

_ASSETS = Path(__file__).parent / "static" / "swagger-ui"
_ASSETS_PATH = "/docs/assets"
_DOCUMENT_PATH = "/openapi.json"


class _WholeFiles(StaticFiles):
    """Files that are sent whole: Starlette answers a `Range` it cannot read with 400, in text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def install_docs(app: FastAPI) -> None:
    """Serve Swagger UI and the OpenAPI document that it shows."""
    install_openapi(app)
    app.mount(_ASSETS_PATH, _WholeFiles(directory=_ASSETS))

    app.get(_DOCUMENT_PATH, include_in_schema=False)(_document)
    app.get("/docs", include_in_schema=False)(_swagger_ui)
    app.get("/", include_in_schema=False)(_to_swagger_ui)


# FastAPI remembers every endpoint for good: a function of the app's own would keep the app with it.
async def _document(request: Request) -> JSONResponse:
    # FastAPI's own route would name `/` beside the root path, which is not ours under one.
    servers = [{"url": address(request, "") or "/"}]
    return JSONResponse({**request.app.openapi(), "servers": servers})


async def _swagger_ui(request: Request) -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url=address(request, _DOCUMENT_PATH),
        title=request.app.title,
        swagger_js_url=address(request, f"{_ASSETS_PATH}/swagger-ui-bundle.js"),
        swagger_css_url=address(request, f"{_ASSETS_PATH}/swagger-ui.css"),
        swagger_favicon_url=address(request, f"{_ASSETS_PATH}/favicon-32x32.png"),
    )


async def _to_swagger_ui(request: Request) -> RedirectResponse:
    return RedirectResponse(address(request, "/docs"))
