"""Keyset pages: an array, and a link to the next one."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response

from app.schemas.query import PageQuery


class Numbered(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> int: ...


Item = TypeVar("Item", bound=Numbered)

PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Link": {
                "description": 'Where the next page is, as `<…>; rel="next"`; absent on the last.',
                "schema": {"type": "string"},
            }
        }
    }
}
"""The answer of a list as a route's `responses`."""


def paginate(
    items: Sequence[Item], page: PageQuery, request: Request, response: Response
) -> Sequence[Item]:
    """Cut `page.limit` items out of up to one more, and link to the next page if there is one."""
    if len(items) <= page.limit:
        return items
    shown = items[: page.limit]
    link_next(shown[-1], request, response)
    return shown


def link_next(last: Numbered, request: Request, response: Response) -> None:
    """Link to the page after this item."""
    query = urlencode({**request.query_params, "after": last.id})
    response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
