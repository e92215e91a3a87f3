"""URLs of the service as clients see them."""

from fastapi import Request


def address(request: Request, path: str) -> str:
    """A path of the API, prefixed with the root path under which a proxy serves it."""
    return f"{request.scope.get('root_path', '').rstrip('/')}{path}"
