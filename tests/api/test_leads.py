"""Leads: staff find leads and read their interactions."""

import itertools
import re

import httpx
import pytest

from tests.support.api import Api
from tests.support.pages import walk
from tests.support.problems import read_problem
from tests.support.rows import Rows

pytestmark = pytest.mark.both_ways

UNKNOWN = "/leads/11111111-1111-1111-1111-111111111111"


async def test_lead_is_found_by_address_and_by_uuid(api: Api) -> None:
    """Both return the same lead, whatever the case of the address."""
    interaction = await api.post(await api.create_source(), "Lead@Example.com")

    lead = await api.call("GET", f"/leads/{interaction['lead_uuid']}")

    assert {"uuid", "email", "created_at"} == lead.keys()
    assert interaction["lead_uuid"] == lead["uuid"]
    assert "lead@example.com" == lead["email"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", lead["created_at"])
    for spelling in ("lead@example.com", "LEAD@EXAMPLE.COM"):
        assert lead == await api.call("POST", "/leads/search", json={"email": spelling})


@pytest.mark.parametrize(
    ("email", "sent"),
    [
        ("lead@example.com", " Lead@Example.com\n"),
        ("lead@example.com", "\u3000lead@example.com" + " " * 300),
        ("12345@telegram.invalid", "12345@Telegram.invalid"),
        ("user..name@docomo.ne.jp", '"user..name"@docomo.ne.jp'),
        ("user.@ezweb.ne.jp", '\t"User."@EZweb.ne.jp'),
    ],
)
async def test_unusual_address(api: Api, email: str, sent: str) -> None:
    """Inquiries and searches accept white space around it, reserved domains and carriers' dots."""
    source = await api.create_source()
    first = await api.post(source, sent)
    second = await api.post(source, email)

    lead = await api.call("POST", "/leads/search", json={"email": sent})

    assert email == lead["email"]
    assert lead["uuid"] == first["lead_uuid"] == second["lead_uuid"]


async def test_uuid_in_capitals(api: Api) -> None:
    """A UUID is case-insensitive."""
    interaction = await api.post(await api.create_source())

    lead = await api.call("GET", f"/leads/{interaction['lead_uuid'].upper()}")

    assert interaction["lead_uuid"] == lead["uuid"]


@pytest.mark.parametrize("path", [UNKNOWN, f"{UNKNOWN}/interactions"])
async def test_unknown_lead(client: httpx.AsyncClient, path: str) -> None:
    """An unknown lead is a 404, not a lead without interactions."""
    read_problem(await client.get(path), 404, "lead_not_found")


async def test_search_for_an_unknown_address(client: httpx.AsyncClient, rows: Rows) -> None:
    """A search does not create a lead."""
    response = await client.post("/leads/search", json={"email": "stranger@example.com"})

    read_problem(response, 404, "lead_not_found")
    assert [(0,)] == rows.execute("SELECT count(*) FROM leads").fetchall()


async def test_lead_without_interactions(api: Api, rows: Rows) -> None:
    """Its list of interactions is empty."""
    rows.execute(
        "INSERT INTO leads (uuid, email, created_at) VALUES (?, ?, ?)",
        ("1" * 32, "quiet@example.com", "2026-01-02 03:04:05.000006"),
    )

    lead = await api.call("GET", UNKNOWN)

    assert "2026-01-02T03:04:05.000006Z" == lead["created_at"]
    assert [] == await api.call("GET", f"{UNKNOWN}/interactions")


async def test_pages_of_a_leads_interactions(api: Api, client: httpx.AsyncClient) -> None:
    """Page by page, oldest first, without those of other leads."""
    source = await api.create_source()
    own = []
    for _ in range(5):
        own.append(await api.post(source, "lead@example.com"))
        await api.post(source, "other@example.com")
    path = f"/leads/{own[0]['lead_uuid']}/interactions"

    pages = await walk(client, f"{path}?limit=2")

    assert [2, 2, 1] == [len(page) for page in pages]
    assert own == list(itertools.chain(*pages))
    assert own == await api.call("GET", path)
    assert [] == await api.call("GET", f"{path}?after={own[-1]['id']}")
