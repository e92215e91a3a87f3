"""Operators: admins create and change them."""

from itertools import chain

import httpx
import pytest

from tests.support.api import Api
from tests.support.pages import walk
from tests.support.problems import read_problem

NEW = {"name": "Maria", "active": True, "load_limit": None}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "Maria"}, NEW),
        ({"name": "Maria", "active": False}, {**NEW, "active": False}),
        ({"name": "Maria", "load_limit": None}, NEW),
        ({"name": "Maria", "load_limit": 0}, {**NEW, "load_limit": 0}),
        ({"name": "Maria", "load_limit": 1_000_000}, {**NEW, "load_limit": 1_000_000}),
        (
            {"name": "\u0416\U0001f600\n" * 333 + "."},
            {**NEW, "name": "\u0416\U0001f600\n" * 333 + "."},
        ),
    ],
    ids=["name", "inactive", "no limit", "least limit", "greatest limit", "longest name"],
)
async def test_new_operator(
    client: httpx.AsyncClient, body: dict[str, object], expected: dict[str, object]
) -> None:
    """By default an operator is active and has no limit."""
    response = await client.post("/operators", json=body)

    assert 201 == response.status_code
    operator = response.json()
    assert {"id": operator["id"], **expected} == operator
    assert f"/operators/{operator['id']}" == response.headers["Location"]
    assert operator == (await client.get(response.headers["Location"])).json()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "Ivan"},
        {"active": False},
        {"load_limit": 0},
        {"load_limit": None},
        {"name": "Ivan", "active": False, "load_limit": 5},
    ],
)
async def test_change_of_an_operator(api: Api, changes: dict[str, object]) -> None:
    """Named fields change, null clears the limit, the rest stays."""
    id = await api.create_operator("Maria", load_limit=20)
    expected = {"id": id, "name": "Maria", "active": True, "load_limit": 20, **changes}

    changed = await api.call("PATCH", f"/operators/{id}", json=changes)

    assert expected == changed
    assert expected == await api.call("GET", f"/operators/{id}")


async def test_refused_change_changes_nothing(api: Api, client: httpx.AsyncClient) -> None:
    """If one field is invalid, no field is changed."""
    id = await api.create_operator("Maria")

    response = await client.patch(f"/operators/{id}", json={"active": False, "name": None})

    read_problem(response, 422, "invalid_request")
    assert {"id": id, **NEW} == await api.call("GET", f"/operators/{id}")


async def test_inactive_operator_gets_no_inquiry(api: Api) -> None:
    """Deactivation and activation take effect at once."""
    operator = await api.create_operator()
    source = await api.create_source({operator: 1})

    await api.call("PATCH", f"/operators/{operator}", json={"active": False})
    while_inactive = await api.post(source)
    await api.call("PATCH", f"/operators/{operator}", json={"active": True})
    while_active = await api.post(source)

    assert while_inactive["operator_id"] is None
    assert operator == while_active["operator_id"]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_unknown_operator(client: httpx.AsyncClient, method: str) -> None:
    """The response is a 404."""
    response = await client.request(method, "/operators/7", json={})

    read_problem(response, 404, "operator_not_found")


async def test_pages_of_operators(api: Api, client: httpx.AsyncClient) -> None:
    """In the order of creation, page by page."""
    ids = [await api.create_operator(f"Operator {number}") for number in range(5)]

    pages = await walk(client, "/operators?limit=2")

    assert [ids[:2], ids[2:4], ids[4:]] == [[item["id"] for item in page] for page in pages]
    assert await api.call("GET", "/operators") == list(chain(*pages))
