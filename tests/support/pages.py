"""Reads paginated lists."""

from typing import Any

import httpx


async def walk(client: httpx.AsyncClient, path: str) -> list[list[Any]]:
    """All pages of a list, each found by the `next` link of the previous page."""
    pages = []
    link = path
    while link:
        response = await client.get(link)
        assert 200 == response.status_code, response.text
        pages.append(response.json())
        link = response.links.get("next", {}).get("url", "")
    return pages
