"""Swagger UI at `/docs`, from assets of the service's own, and the OpenAPI document it shows."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import TypeAdapter

from app import schemas
from app.api.errors import MEDIA_TYPE
from app.core.limits import MAX_ID

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


def install_docs(app: FastAPI) -> None:
    """Serve Swagger UI, and describe errors in the document as what they are."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _exact(_with_problems(_with_whole_examples(describe())))
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented hook
    app.mount(_ASSETS_PATH, StaticFiles(directory=_ASSETS))

    app.get("/docs", include_in_schema=False)(_swagger_ui)


# FastAPI remembers every endpoint for good: a function of the app's own would keep the app with it.
async def _swagger_ui(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "").rstrip("/")
    return get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        swagger_js_url=f"{root}{_ASSETS_PATH}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{_ASSETS_PATH}/swagger-ui.css",
        swagger_favicon_url=f"{root}{_ASSETS_PATH}/favicon-32x32.png",
    )


def _exact(part: Any) -> Any:
    """Say exactly what is taken, where FastAPI and pydantic say it nearly.

    FastAPI writes bounds as floats, which makes 2^63 of the greatest id; pydantic lets parameters
    be null, which they cannot be.
    """
    if isinstance(part, list):
        return [_exact(item) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("in") in ("query", "path"):
        [schema] = [s for s in part["schema"].pop("anyOf", [{}]) if s.get("type") != "null"]
        part["schema"] |= schema
    return {
        key: min(int(value), MAX_ID) if key in ("minimum", "maximum") else _exact(value)
        for key, value in part.items()
    }


def _with_whole_examples(document: dict[str, Any]) -> dict[str, Any]:
    """Give examples their nulls, which FastAPI leaves out."""
    for name, component in document["components"]["schemas"].items():
        if "examples" in component:
            whole = TypeAdapter(getattr(schemas, name)).json_schema()
            component["examples"] = whole["examples"]
    return document


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
