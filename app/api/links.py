"""Where an answer leads, as the OpenAPI document says it: `Location`, and links to operations."""

from typing import Any

LOCATION_HEADER = {
    "description": "Where it can be read.",
    "schema": {"type": "string", "format": "uri-reference"},
}


def link(operation_id: str, **parameters: str) -> dict[str, Any]:
    """A link to an operation, whose parameters are members of this answer's body, by name."""
    return {
        operation_id: {
            "operationId": operation_id,
            "parameters": {
                name: f"$response.body#/{member}" for name, member in parameters.items()
            },
        }
    }
