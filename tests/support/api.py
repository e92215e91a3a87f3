"""The service's calls as methods, for tests whose subject is something else."""

from collections.abc import Mapping
from typing import Any

import httpx


class Api:
    """Calls that are expected to succeed; anything else fails the test at once."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def call(self, method: str, path: str, **kwargs: Any) -> Any:
        """The JSON of a successful answer."""
        response = await self._client.request(method, path, **kwargs)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    async def create_operator(self, name: str = "Maria", **fields: Any) -> int:
        """A new operator's id."""
        operator = await self.call("POST", "/operators", json={"name": name, **fields})
        return int(operator["id"])

    async def create_source(self, weights: Mapping[int, int] | None = None) -> int:
        """A new source's id, with these weights by operator id."""
        source = await self.call("POST", "/sources", json={"description": "bot"})
        if weights:
            await self.set_weights(source["id"], weights)
        return int(source["id"])

    async def set_weights(self, source_id: int, weights: Mapping[int, int]) -> Any:
        """The source's operators after the change."""
        body = [{"operator_id": id, "weight": weight} for id, weight in weights.items()]
        return await self.call("PUT", f"/sources/{source_id}/operators", json=body)

    async def post(self, source_id: int, email: str = "lead@example.com", **fields: Any) -> Any:
        """The interaction made of an inquiry."""
        body = {"email": email, "source_id": source_id, **fields}
        return await self.call("POST", "/interaction", json=body)
