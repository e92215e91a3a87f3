"""Keyset pagination: an array, and a link to the next page."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response

from app.schemas.query import PageQuery


class Numbered(Protocol):
    """An object with an id."""

    @property
    def id(self) -> int: ...


Item = TypeVar("Item", bound=Numbered)

PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Link": {
                "description": 'URL of the next page, as `<…>; rel="next"`; absent on the last '
                "page.",
                "schema": {"type": "string"},
            }
        }
    }
}
"""The response of a list as a route's `responses`."""


def paginate(
    items: Sequence[Item], page: PageQuery, request: Request, response: Response
) -> Sequence[Item]:
    """Return the first `page.limit` items; if there is one more, link to the next page."""
    if len(items) <= page.limit:
        return items
    shown = items[: page.limit]
    response.headers.update(next_page(request, shown[-1].id))
    return shown


def next_page(request: Request, last_id: int) -> dict[str, str]:
    """The header that links to the page after this item."""
    query = urlencode({**request.query_params, "after": last_id})
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}
