"""The OpenAPI document: FastAPI's own, completed for generated clients."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import TypeAdapter

from app.api import errors as api_errors
from app.api.errors import MEDIA_TYPE
from app.core import errors as core_errors
from app.core.errors import ServiceError
from app.core.limits import MAX_ID

Part = dict[str, Any]
"""A part of the document."""

_INT32_MAX = 2**31 - 1
_code = re.compile(r"^`(\w+)`: ", re.MULTILINE)

_ERRORS: dict[str, type[ServiceError]] = {
    error.code: error
    for module in (core_errors, api_errors)
    for error in vars(module).values()
    if isinstance(error, type) and issubclass(error, ServiceError) and hasattr(error, "code")
}

_HEADERS: Part = {
    "X-Request-ID": {
        "description": "The id of the request, as the service logs it.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before retrying the request.",
        "schema": {"type": "integer", "minimum": 1},
    },
}
"""Headers that responses share."""


def install_openapi(app: FastAPI) -> None:
    """Make the application generate the document that `describe` completes."""
    generate = app.openapi

    def openapi() -> Part:
        if app.openapi_schema is None:
            app.openapi_schema = describe(generate(), _models(app))
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented hook


def _models(app: FastAPI) -> dict[str, Any]:
    """The schemas of requests and responses, by name."""
    types: list[Any] = []
    for route in iter_route_contexts(app.routes):
        if route.methods and route.include_in_schema:
            body = route.body_field
            types += [route.response_model, body and body.field_info.annotation]
            types += [response.get("model") for response in route.responses.values()]
    return {
        model.__name__: model
        for type_ in types
        if type_ is not None
        for model in get_args(type_) or [type_]
    }


def describe(document: Part, models: Mapping[str, Any]) -> Part:
    """FastAPI's document with exact types, examples, headers and shared error responses.

    Args:
        document: FastAPI's document; it is changed in place.
        models: the schemas of the document, by name.

    """
    components = document["components"]
    _complete_examples(components["schemas"], models)
    _name_codes(components["schemas"])
    components["headers"] = _HEADERS
    components["responses"] = {}
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                _complete_parameter(parameter)
            _show_example(operation, components["schemas"])
            _complete_responses(operation["responses"], components["responses"])
    exact: Part = _exact(document)
    return exact


def _complete_examples(components: Part, models: Mapping[str, Any]) -> None:
    """Restore nulls in examples, which FastAPI omits."""
    for name, component in components.items():
        if "examples" in component and name in models:
            component["examples"] = TypeAdapter(models[name]).json_schema()["examples"]


def _name_codes(components: Part) -> None:
    """List the codes of all problems as an enum."""
    components["ProblemCode"] = {
        "type": "string",
        "enum": sorted(_ERRORS),
        "description": "The kind of error, for programs to act on.",
    }
    components["Problem"]["properties"]["code"] = {"$ref": "#/components/schemas/ProblemCode"}


def _complete_parameter(parameter: Part) -> None:
    """Omit null, which a parameter cannot be, and add an example to path parameters.

    Swagger UI fills in a parameter's `example`. Filters must stay empty, so the examples of
    optional parameters stay in their schemas.
    """
    schema = parameter["schema"]
    [type_] = [s for s in schema.pop("anyOf", [{}]) if s.get("type") != "null"]
    schema |= type_
    if parameter["in"] == "path":
        parameter["example"] = schema["examples"][0]


def _show_example(operation: Part, components: Part) -> None:
    """Copy the first example of the body's schema to the body."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        name = schema.get("items", schema)["$ref"].rpartition("/")[2]
        example = components[name]["examples"][0]
        content["example"] = [example] if "items" in schema else example


def _complete_responses(responses: Part, shared: Part) -> None:
    """Describe the headers of responses, and move problems to the shared responses.

    FastAPI gives problems the media type of the route's own response.
    """
    for status, response in responses.items():
        codes = _code.findall(response["description"]) if status >= "400" else []
        names = ["X-Request-ID"]
        if any(_ERRORS[code].retry_after is not None for code in codes):
            names.append("Retry-After")
        headers = response.setdefault("headers", {})
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        if codes:
            response["content"] = {MEDIA_TYPE: response["content"].pop("application/json")}
            name = "Or".join(_ERRORS[code].__name__ for code in codes)
            shared[name] = response
            responses[status] = {"$ref": f"#/components/responses/{name}"}


def _exact(part: Any) -> Any:
    """Add exact bounds and formats to integers.

    FastAPI writes bounds as floats, which rounds the greatest id to 2^63. Without a format,
    generated clients assume 32 bits; `ReadId` gives ids in responses their format.
    """
    if isinstance(part, list):
        return [_exact(item) for item in part]
    if not isinstance(part, dict):
        return part
    exact = {
        key: min(int(value), MAX_ID) if key in ("minimum", "maximum") else _exact(value)
        for key, value in part.items()
    }
    if exact.get("type") == "integer":
        exact.setdefault("format", "int64" if exact.get("maximum", 0) > _INT32_MAX else "int32")
    return exact
