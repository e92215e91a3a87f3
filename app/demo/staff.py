"""What staff read: the sources' interactions, and one lead's history."""

from collections.abc import AsyncIterator
from typing import Any

import httpx


async def read_pages(
    client: httpx.AsyncClient, path: str, **filters: int
) -> AsyncIterator[dict[str, Any]]:
    """Yield every item of a list, page by page."""
    answer = (await client.get(path, params={"limit": 1000, **filters})).raise_for_status()
    while True:
        for item in answer.json():
            yield item
        if "next" not in answer.links:
            return
        answer = (await client.get(answer.links["next"]["url"])).raise_for_status()


async def read_history(client: httpx.AsyncClient, email: str) -> list[dict[str, Any]]:
    """Find a lead by address, close its oldest interaction, and list all of them."""
    answer = await client.post("/leads/search", json={"email": email})
    path = f"/leads/{answer.raise_for_status().json()['uuid']}/interactions"
    oldest = await anext(read_pages(client, path))
    (await client.post(f"/interactions/{oldest['id']}/close")).raise_for_status()
    return [interaction async for interaction in read_pages(client, path)]
