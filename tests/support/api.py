"""The service's endpoints as methods, for tests of other subjects."""

from collections.abc import Mapping
from typing import Any

import httpx


class Api:
    """Calls that must succeed; an error answer fails the test at once."""

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

    async def create_source(self, weights: Mapping[int, int] | None = None, **rules: Any) -> int:
        """The id of a new source with these weights by operator id."""
        source = await self.call("POST", "/sources", json={"description": "bot", **rules})
        if weights:
            await self.set_weights(source["id"], weights)
        return int(source["id"])

    async def set_weights(self, source_id: int, weights: Mapping[int, int]) -> Any:
        """The source's operators after the change."""
        body = [{"operator_id": id, "weight": weight} for id, weight in weights.items()]
        return await self.call("PUT", f"/sources/{source_id}/operators", json=body)

    async def post(self, source_id: int, email: str = "lead@example.com", **fields: Any) -> Any:
        """The interaction that an inquiry creates."""
        body = {"email": email, "source_id": source_id, **fields}
        return await self.call("POST", "/interaction", json=body)

    async def update_operator(self, operator_id: int, **changes: Any) -> Any:
        """The operator after these changes."""
        return await self.call("PATCH", f"/operators/{operator_id}", json=changes)

    async def update_source(self, source_id: int, **changes: Any) -> Any:
        """The source after these changes."""
        return await self.call("PATCH", f"/sources/{source_id}", json=changes)

    async def close(self, interaction_id: int) -> Any:
        """The closed interaction."""
        return await self.call("POST", f"/interactions/{interaction_id}/close")

    async def assign(self, interaction_id: int, operator_id: int | None = None) -> Any:
        """The interaction, assigned to this operator or, with None, to another than before."""
        body = {} if operator_id is None else {"operator_id": operator_id}
        return await self.call("POST", f"/interactions/{interaction_id}/assign", json=body)

    async def list_active(self, after: int = 0) -> list[Any]:
        """The active interactions after this id, oldest first; a thousand at most."""
        query = f"is_active=true&limit=1000&after={after}"
        active: list[Any] = await self.call("GET", f"/interactions?{query}")
        return active
