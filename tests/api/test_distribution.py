"""The distribution of inquiries over operators, as an admin sees it."""

from collections import Counter
from math import sqrt

import httpx

from tests.support.api import Api
from tests.support.load import few_at_once


async def receivers(api: Api, source: int, count: int) -> Counter[int | None]:
    """The number of `count` inquiries that each operator got."""
    calls = (api.post(source, f"lead{n}@example.com") for n in range(count))
    posted = await few_at_once(calls, most=64)
    return Counter(interaction["operator_id"] for interaction in posted)


async def test_thousand_inquiries_follow_the_weights(api: Api) -> None:
    """At 10/30/60 each share is within four sigma of the expected one."""
    operators = [await api.create_operator() for _ in range(3)]
    source = await api.create_source(dict(zip(operators, (10, 30, 60), strict=True)))

    got = await receivers(api, source, 1000)

    for entry in await api.call("GET", f"/sources/{source}/operators"):
        share = entry["share"]
        sigma = sqrt(1000 * share * (1 - share))
        assert abs(got[entry["operator_id"]] - 1000 * share) <= 4 * sigma
    assert 1000 == sum(got[operator] for operator in operators)


async def test_inactive_and_weightless_operators_get_none(api: Api) -> None:
    """Neither an inactive operator nor one with weight 0 gets an inquiry."""
    taking, weightless, leaving = [await api.create_operator() for _ in range(3)]
    source = await api.create_source({taking: 1, weightless: 0, leaving: 1000})
    await api.call("PATCH", f"/operators/{leaving}", json={"active": False})

    assert {taking: 100} == await receivers(api, source, 100)


async def test_inquiry_without_an_active_operator(api: Api, client: httpx.AsyncClient) -> None:
    """The inquiry is accepted, and staff find it among the waiting interactions."""
    operator = await api.create_operator()
    source = await api.create_source({operator: 5})
    await api.call("PATCH", f"/operators/{operator}", json={"active": False})

    interaction = await api.post(source)

    assert interaction["operator_id"] is None
    assert interaction["is_active"]
    assert [interaction] == (await client.get("/interactions?waiting=true")).json()
