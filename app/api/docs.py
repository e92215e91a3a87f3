"""Swagger UI at `/docs`, with bundled assets, and the OpenAPI document that it shows."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.api.addresses import address
from app.api.openapi import install_openapi

DESCRIPTION = """
Bots send inquiries to `POST /interaction`. The service finds or creates the lead by e-mail,
assigns an operator by the weights of the source, and returns 201 once the transaction is committed
to disk. Staff read, assign and close interactions; admins set operators, sources and weights.

Lists are paginated: the `Link` header has the URL of the next page. Errors are
`application/problem+json` (RFC 9457) with a stable `code`, and never repeat a value that was sent.
After a 503, retry the same request after the number of seconds in `Retry-After`.
"""

TAGS = [
    {
        "name": "interactions",
        "description": "Bots send inquiries; staff list, read, assign and close them.",
    },
    {"name": "leads", "description": "Staff look leads up and read their interactions."},
    {"name": "operators", "description": "Admins create and update operators."},
    {
        "name": "sources",
        "description": "Admins create and update sources, and set the weights of their operators.",
    },
    {"name": "stats", "description": "Admins read the shares, loads and queues of operators."},
    {"name": "health", "description": "Liveness and readiness probes."},
]

_ASSETS = Path(__file__).parent / "static" / "swagger-ui"
_ASSETS_PATH = "/docs/assets"
_DOCUMENT_PATH = "/openapi.json"


class _WholeFiles(StaticFiles):
    """Static files without ranges: Starlette answers an invalid `Range` with 400 in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def install_docs(app: FastAPI) -> None:
    """Serve Swagger UI and the OpenAPI document that it shows."""
    install_openapi(app)
    app.mount(_ASSETS_PATH, _WholeFiles(directory=_ASSETS))

    app.get(_DOCUMENT_PATH, include_in_schema=False)(_document)
    app.get("/docs", include_in_schema=False)(_swagger_ui)
    app.get("/", include_in_schema=False)(_redirect_to_swagger_ui)


# Module-level: FastAPI keeps every endpoint in memory, and a closure would keep its app as well.
async def _document(request: Request) -> JSONResponse:
    # FastAPI's own route would also list `/`, which is not the service under a root path.
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


async def _redirect_to_swagger_ui(request: Request) -> RedirectResponse:
    return RedirectResponse(address(request, "/docs"))
