"""Interactions: bots send inquiries; staff list, read and close interactions."""

import itertools
import json
import re
from typing import Any

import httpx
import pytest

from tests.support.api import Api
from tests.support.pages import walk
from tests.support.problems import read_problem
from tests.support.raw import chunked, exchange, post
from tests.support.rows import Rows
from tests.support.server import LiveServer

pytestmark = pytest.mark.both_ways

UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)


async def test_inquiry_is_written_and_assigned(api: Api, client: httpx.AsyncClient) -> None:
    """A 201 has the whole interaction, and its address in `Location`."""
    operator = await api.create_operator()
    source = await api.create_source({operator: 1})

    response = await client.post(
        "/interaction",
        json={"email": "lead@example.com", "source_id": source, "payload": {"text": "Hello"}},
    )

    assert 201 == response.status_code
    created = response.json()
    assert {
        "id",
        "lead_uuid",
        "source_id",
        "operator_id",
        "is_active",
        "payload",
        "created_at",
        "closed_at",
    } == created.keys()
    assert source == created["source_id"]
    assert operator == created["operator_id"]
    assert created["is_active"] is True
    assert created["closed_at"] is None
    assert {"text": "Hello"} == created["payload"]
    assert f"/interactions/{created['id']}" == response.headers["Location"]
    assert created == (await client.get(response.headers["Location"])).json()


async def test_inquiry_to_an_unknown_source_leaves_nothing(
    api: Api, client: httpx.AsyncClient, rows: Rows
) -> None:
    """Without the source, not even the lead is written."""
    source = await api.create_source()

    response = await client.post(
        "/interaction", json={"email": "lead@example.com", "source_id": source + 1}
    )

    read_problem(response, 404, "source_not_found")
    assert [(0, 0)] == rows.execute(
        "SELECT (SELECT count(*) FROM leads), (SELECT count(*) FROM interactions)"
    ).fetchall()


@pytest.mark.parametrize(
    ("active", "weight"), [(None, None), (True, 0), (False, 5)], ids=["none", "zero", "inactive"]
)
async def test_inquiry_waits_without_an_available_operator(
    api: Api, active: bool | None, weight: int | None
) -> None:
    """Without an operator that is active and has a weight, the interaction waits."""
    source = await api.create_source()
    if weight is not None:
        operator = await api.create_operator(active=active)
        await api.set_weights(source, {operator: weight})

    interaction = await api.post(source)

    assert interaction["operator_id"] is None
    assert interaction["is_active"] is True
    assert [interaction] == await api.call("GET", "/interactions?waiting=true")


async def test_one_lead_however_the_address_is_spelled(api: Api) -> None:
    """Neither case nor Unicode form makes another lead."""
    source = await api.create_source()

    spellings = ["User@EXAMPLE.com", "user@example.com", "USER@Example.Com"]
    ascii_leads = {(await api.post(source, email))["lead_uuid"] for email in spellings}
    accented = ["JOS\u00c9@example.com", "jose\u0301@example.com", "jos\u00e9@Example.com"]
    accented_leads = {(await api.post(source, email))["lead_uuid"] for email in accented}

    assert 1 == len(ascii_leads)
    assert 1 == len(accented_leads)
    assert ascii_leads != accented_leads


async def test_payload_left_out_is_null(api: Api) -> None:
    """The payload is optional."""
    interaction = await api.post(await api.create_source())

    assert interaction["payload"] is None


@pytest.mark.parametrize("in_chunks", [False, True], ids=["by length", "in chunks"])
async def test_body_of_exactly_the_limit(server: LiveServer, in_chunks: bool) -> None:
    """A body of 64 KiB is accepted and stored whole."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        source = await Api(client).create_source()
        body = json.dumps({"email": "a@example.com", "source_id": source, "payload": ""})
        text = "x" * (64 * 1024 - len(body))
        content = body.replace('""', f'"{text}"').encode()
        request = (
            post("/interaction", chunked(content), "Transfer-Encoding: chunked")
            if in_chunks
            else post("/interaction", content, f"Content-Length: {len(content)}")
        )

        response = await exchange(server, request)

        assert 64 * 1024 == len(content)
        assert 201 == response.status_code
        assert text == (await client.get(response.headers["Location"])).json()["payload"]


async def test_times_are_utc(api: Api) -> None:
    """Times are RFC 3339 in UTC, with a Z."""
    created = await api.post(await api.create_source())
    closed = await api.call("POST", f"/interactions/{created['id']}/close")

    assert UTC_TIME.fullmatch(created["created_at"])
    assert created["created_at"] == closed["created_at"]
    assert UTC_TIME.fullmatch(closed["closed_at"])
    assert closed["created_at"] <= closed["closed_at"]


async def test_closing_twice_is_closing_once(api: Api) -> None:
    """The second close changes nothing."""
    created = await api.post(await api.create_source())

    closed = await api.call("POST", f"/interactions/{created['id']}/close")
    again = await api.call("POST", f"/interactions/{created['id']}/close")

    assert {**created, "is_active": False, "closed_at": closed["closed_at"]} == closed
    assert closed["closed_at"] is not None
    assert closed == again
    assert closed == await api.call("GET", f"/interactions/{created['id']}")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/interactions/7"), ("POST", "/interactions/7/close")]
)
async def test_unknown_interaction(client: httpx.AsyncClient, method: str, path: str) -> None:
    """The response is a 404."""
    read_problem(await client.request(method, path), 404, "interaction_not_found")


async def some_of_each_kind(api: Api) -> list[dict[str, Any]]:
    """Interactions of two operators and of none, from three sources, open and closed."""
    maria, ivan = [await api.create_operator(name) for name in ("Maria", "Ivan")]
    sources = [await api.create_source(weights) for weights in ({maria: 1}, {ivan: 1}, {})]
    for source in sources * 3:
        await api.post(source)
    for id in (1, 3, 5):
        await api.call("POST", f"/interactions/{id}/close")
    interactions: list[dict[str, Any]] = await api.call("GET", "/interactions")
    return interactions


async def test_every_combination_of_filters(api: Api, subtests: pytest.Subtests) -> None:
    """All given filters apply; an omitted one does not filter."""
    interactions = await some_of_each_kind(api)
    choices: dict[str, list[int | None]] = {
        "operator_id": [None, 1, 2, 3],
        "source_id": [None, 1, 2, 3, 4],
        "is_active": [None, True, False],
        "waiting": [None, True, False],
    }

    for values in itertools.product(*choices.values()):
        filters = {
            name: value for name, value in zip(choices, values, strict=True) if value is not None
        }
        with subtests.test(filters=filters):
            expected = [
                interaction
                for interaction in interactions
                if all(interaction_has(interaction, name, value) for name, value in filters.items())
            ]

            assert expected == await api.call("GET", "/interactions", params=filters)


def interaction_has(interaction: dict[str, Any], name: str, value: object) -> bool:
    """Whether an interaction passes a filter."""
    if name == "waiting":
        waits = interaction["is_active"] and interaction["operator_id"] is None
        return bool(waits == value)
    return bool(interaction[name] == value)


@pytest.mark.parametrize("limit", [1, 2, 3, 9, 10])
async def test_pages_make_up_the_whole(api: Api, client: httpx.AsyncClient, limit: int) -> None:
    """Page by page, every interaction appears once, oldest first."""
    interactions = await some_of_each_kind(api)

    pages = await walk(client, f"/interactions?limit={limit}")

    assert interactions == list(itertools.chain(*pages))
    assert all(limit == len(page) for page in pages[:-1])
    assert pages[-1]


async def test_pages_keep_their_filters(api: Api, client: httpx.AsyncClient) -> None:
    """The link to the next page has the same filters."""
    interactions = await some_of_each_kind(api)

    pages = await walk(client, "/interactions?is_active=true&source_id=2&limit=1")

    assert [
        [interaction]
        for interaction in interactions
        if interaction["is_active"] and interaction["source_id"] == 2
    ] == pages


async def test_page_size(api: Api, client: httpx.AsyncClient, rows: Rows) -> None:
    """The default limit is 100, the highest 1000."""
    await api.post(await api.create_source())
    rows.execute(
        "WITH RECURSIVE n(id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM n WHERE id < 1001)"
        " INSERT INTO interactions (id, lead_uuid, source_id, is_active, created_at)"
        " SELECT n.id, lead_uuid, source_id, is_active, created_at"
        " FROM interactions, n WHERE interactions.id = 1"
    )

    assert [100] * 10 + [1] == [len(page) for page in await walk(client, "/interactions")]
    assert [1000, 1] == [len(page) for page in await walk(client, "/interactions?limit=1000")]


async def test_page_after_the_last(api: Api, client: httpx.AsyncClient) -> None:
    """Past the end the page is empty, and has no link."""
    await api.post(await api.create_source())

    response = await client.get(f"/interactions?after={2**63 - 1}")

    assert [] == response.json()
    assert "Link" not in response.headers
