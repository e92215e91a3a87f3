"""Requests with many errors: some are listed, the rest counted."""

import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import CANARY
from tests.support.problems import read_problem

pytestmark = [pytest.mark.both_ways, pytest.mark.usefixtures("unharmed")]

SHOWN = 20


def unknown(count: int) -> dict[str, str]:
    """So many fields that no schema has."""
    return {f"field_{number}": CANARY for number in range(count)}


@pytest.mark.parametrize(
    ("method", "path", "body", "errors"),
    [
        ("POST", "/interaction", unknown(18), 20),
        ("POST", "/interaction", unknown(19), 21),
        ("POST", "/interaction", unknown(1500), 1502),
        ("POST", "/leads/search", unknown(1500), 1501),
        ("PATCH", "/operators/1", unknown(1500), 1500),
        ("PATCH", "/sources/1", unknown(1500), 1500),
        ("PUT", "/sources/1/operators", [{}] * 10, 20),
        ("PUT", "/sources/1/operators", [{}] * 1000, 2000),
        ("PUT", "/sources/1/operators", [CANARY] * 1000, 1000),
        ("PUT", "/sources/1/operators", [{}] * 10_000, 1),
        ("POST", "/sources/1/preview", {"weights": [{}] * 1000}, 2000),
        ("POST", "/sources/x/preview", {"weights": [{}] * 1000}, 2001),
    ],
)
async def test_body_with_many_errors(
    client: httpx.AsyncClient, method: str, path: str, body: Any, errors: int
) -> None:
    """At most 20 are listed; the number of further ones is given only if there are any."""
    response = await client.request(method, path, json=body)

    problem = read_problem(response, 422, "invalid_request")
    assert errors == len(problem["errors"]) + problem.get("more_errors", 0)
    assert min(errors, SHOWN) == len(problem["errors"])
    assert (errors > SHOWN) == ("more_errors" in problem)
    assert CANARY not in response.text
    assert len(response.content) < 4096


async def test_missing_fields_come_first(client: httpx.AsyncClient) -> None:
    """Missing fields are listed before unknown ones."""
    response = await client.post("/interaction", json=unknown(1500))

    pointers = [error["pointer"] for error in response.json()["errors"]]
    assert ["/email", "/source_id", "/field_0", "/field_1"] == pointers[:4]


@pytest.mark.parametrize("path", ["/interactions", "/operators", "/stats/sources/1"])
async def test_query_with_many_errors(client: httpx.AsyncClient, path: str) -> None:
    """Parameters are counted like fields."""
    response = await client.get(path, params=unknown(1000))

    problem = read_problem(response, 422, "invalid_request")
    assert (SHOWN, 980) == (len(problem["errors"]), problem["more_errors"])


async def test_bound_is_documented(client: httpx.AsyncClient) -> None:
    """The OpenAPI document has the bound and the count."""
    document = json.dumps((await client.get("/openapi.json")).json()["components"]["schemas"])

    assert f'"maxItems": {SHOWN}' in document
    assert "more_errors" in document
