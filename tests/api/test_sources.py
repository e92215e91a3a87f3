"""Sources: admins create and change them, and set their operators."""

from itertools import chain

import httpx
import pytest

from tests.support.api import Api
from tests.support.pages import walk
from tests.support.problems import read_problem

RULES = {"strategy": "smooth", "enforce_load_limit": False, "sticky": False}


async def test_new_source(client: httpx.AsyncClient) -> None:
    """By default a source uses `smooth`, enforces no limits, and has no operators."""
    response = await client.post("/sources", json={"description": "Telegram"})

    assert 201 == response.status_code
    source = response.json()
    assert {"id": source["id"], "description": "Telegram", **RULES} == source
    assert f"/sources/{source['id']}" == response.headers["Location"]
    assert source == (await client.get(response.headers["Location"])).json()
    assert [] == (await client.get(f"/sources/{source['id']}/operators")).json()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"description": "WhatsApp"},
        {"strategy": "random"},
        {"enforce_load_limit": True, "sticky": True},
    ],
)
async def test_change_of_a_source(api: Api, changes: dict[str, object]) -> None:
    """Named fields change, the rest stays."""
    id = await api.create_source()
    expected = {"id": id, "description": "bot", **RULES, **changes}

    changed = await api.call("PATCH", f"/sources/{id}", json=changes)

    assert expected == changed
    assert expected == await api.call("GET", f"/sources/{id}")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/sources/7", None),
        ("PATCH", "/sources/7", {}),
        ("GET", "/sources/7/operators", None),
        ("PUT", "/sources/7/operators", []),
        ("POST", "/sources/7/preview", {}),
        ("GET", "/stats/sources/7", None),
        ("PUT", "/sources/7/operators", [{"operator_id": 1, "weight": 1}]),
    ],
)
async def test_unknown_source(
    client: httpx.AsyncClient, method: str, path: str, body: object
) -> None:
    """The response is a 404."""
    read_problem(await client.request(method, path, json=body), 404, "source_not_found")


async def test_pages_of_sources(api: Api, client: httpx.AsyncClient) -> None:
    """In the order of creation, page by page."""
    ids = [await api.create_source() for _ in range(5)]

    pages = await walk(client, "/sources?limit=2")

    assert [ids[:2], ids[2:4], ids[4:]] == [[item["id"] for item in page] for page in pages]
    assert await api.call("GET", "/sources") == list(chain(*pages))


async def test_shares_follow_the_weights(api: Api) -> None:
    """Active operators share in proportion to their weights."""
    heavy, light, idle, inactive = [
        await api.create_operator(name, active=name != "Inactive")
        for name in ("Heavy", "Light", "Idle", "Inactive")
    ]
    source = await api.create_source()

    replaced = await api.set_weights(source, {inactive: 6, idle: 0, light: 1, heavy: 3})

    assert [
        {"operator_id": heavy, "weight": 3, "share": 0.75},
        {"operator_id": light, "weight": 1, "share": 0.25},
        {"operator_id": idle, "weight": 0, "share": 0.0},
        {"operator_id": inactive, "weight": 6, "share": 0.0},
    ] == replaced
    assert replaced == await api.call("GET", f"/sources/{source}/operators")


async def test_shares_without_weights(api: Api) -> None:
    """If all weights are zero, no operator has a share, and inquiries wait."""
    operator = await api.create_operator()
    source = await api.create_source({operator: 0})

    assert [{"operator_id": operator, "weight": 0, "share": 0.0}] == await api.call(
        "GET", f"/sources/{source}/operators"
    )
    assert (await api.post(source))["operator_id"] is None


async def test_share_follows_the_operators_activity(api: Api) -> None:
    """An inactive operator has no share."""
    active, inactive = [await api.create_operator(name) for name in ("Active", "Inactive")]
    source = await api.create_source({active: 1, inactive: 1})

    await api.call("PATCH", f"/operators/{inactive}", json={"active": False})

    listed = await api.call("GET", f"/sources/{source}/operators")
    assert {active: 1.0, inactive: 0.0} == {item["operator_id"]: item["share"] for item in listed}


async def test_list_is_replaced_as_a_whole(api: Api) -> None:
    """Operators that are not in the new list are removed; other sources do not change."""
    first, second = [await api.create_operator(name) for name in ("First", "Second")]
    source, other = [await api.create_source({first: 1}) for _ in range(2)]

    await api.set_weights(source, {second: 1_000_000})

    assert [{"operator_id": second, "weight": 1_000_000, "share": 1.0}] == await api.call(
        "GET", f"/sources/{source}/operators"
    )
    assert second == (await api.post(source))["operator_id"]
    assert first == (await api.post(other))["operator_id"]


async def test_empty_list(api: Api) -> None:
    """An empty list removes all operators."""
    source = await api.create_source({await api.create_operator(): 1})

    assert [] == await api.set_weights(source, {})
    assert [] == await api.call("GET", f"/sources/{source}/operators")


async def test_list_with_an_unknown_operator_leaves_the_old_one(
    api: Api, client: httpx.AsyncClient
) -> None:
    """If one operator is unknown, nothing is replaced."""
    operator = await api.create_operator()
    source = await api.create_source({operator: 3})
    before = await api.call("GET", f"/sources/{source}/operators")

    response = await client.put(
        f"/sources/{source}/operators",
        json=[
            {"operator_id": operator, "weight": 5},
            {"operator_id": operator + 1, "weight": 1},
        ],
    )

    read_problem(response, 404, "operator_not_found")
    assert before == await api.call("GET", f"/sources/{source}/operators")
