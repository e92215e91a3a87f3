"""`Location` and links to operations, as the OpenAPI document describes them."""

from typing import Any

LOCATION_HEADER = {
    "description": "The URL of the created resource.",
    "schema": {"type": "string", "format": "uri-reference"},
}


def link(operation_id: str, **parameters: str) -> dict[str, Any]:
    """A link to an operation; each parameter is mapped to a member of the response body."""
    return {
        operation_id: {
            "operationId": operation_id,
            "parameters": {
                name: f"$response.body#/{member}" for name, member in parameters.items()
            },
        }
    }
