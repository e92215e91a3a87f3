"""POST /interaction, as a bot sees it."""

import httpx

from tests.support.api import Api


async def test_inquiry_is_written_and_given_to_the_operator(
    api: Api, client: httpx.AsyncClient
) -> None:
    """A 201 carries the whole interaction and says where to read it."""
    operator = await api.create_operator()
    source = await api.create_source({operator: 1})

    response = await client.post(
        "/interaction",
        json={"email": "Lead@Example.com", "source_id": source, "payload": {"text": "Hello"}},
    )

    assert 201 == response.status_code
    created = response.json()
    assert operator == created["operator_id"]
    assert {"text": "Hello"} == created["payload"]
    assert created == (await client.get(response.headers["Location"])).json()
