"""Swagger UI at `/docs`, from assets of the service's own, and the OpenAPI document it shows."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from app.api.errors import MEDIA_TYPE

TAGS = [
    {
        "name": "interactions",
        "description": "Bots send inquiries; staff list, read and close them.",
    },
    {"name": "leads", "description": "Staff look leads up and read their interactions."},
    {"name": "operators", "description": "Admins set who answers."},
    {"name": "sources", "description": "Admins set where inquiries come from and who answers."},
    {"name": "health", "description": "Probes."},
]

_ASSETS = Path(__file__).parent / "static" / "swagger-ui"
_ASSETS_PATH = "/docs/assets"


def install_docs(app: FastAPI) -> None:
    """Serve Swagger UI, and describe errors in the document as what they are."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_problems(describe())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented hook
    app.mount(_ASSETS_PATH, StaticFiles(directory=_ASSETS))

    @app.get("/docs", include_in_schema=False)
    async def swagger_ui(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{_ASSETS_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_ASSETS_PATH}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_ASSETS_PATH}/favicon-32x32.png",
        )


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Give every error its media type, where FastAPI has put that of the route's own answer."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    response["content"] = {MEDIA_TYPE: response["content"].pop("application/json")}
                response.setdefault("headers", {})["X-Request-ID"] = {
                    "description": "The id under which the service knows this request.",
                    "schema": {"type": "string"},
                }
    return document
