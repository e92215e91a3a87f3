"""Errors: each is a problem with a request id; each fault of the service is logged once."""

import logging
import re

import httpx
import pytest

from tests.api.conftest import CANARY
from tests.support.api import Api
from tests.support.problems import read_problem
from tests.support.rows import Rows

pytestmark = pytest.mark.both_ways


@pytest.mark.parametrize("path", ["/nothing", "/operators/", "/interactions/1/2/3", "/docs/x"])
async def test_nothing_at_this_path(client: httpx.AsyncClient, path: str) -> None:
    """An unknown path returns a problem as well."""
    read_problem(await client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/interaction", {"POST"}),
        ("POST", "/interactions", {"GET", "HEAD"}),
        ("DELETE", "/operators", {"GET", "HEAD", "POST"}),
        ("DELETE", "/operators/1", {"GET", "HEAD", "PATCH"}),
        ("PATCH", "/sources/1/operators", {"GET", "HEAD", "PUT"}),
        ("HEAD", "/interaction", {"POST"}),
        ("HEAD", "/interactions/1/close", {"POST"}),
        ("POST", "/", {"GET", "HEAD"}),
        ("POST", "/docs", {"GET", "HEAD"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
        ("POST", "/docs/assets/swagger-ui.css", {"GET", "HEAD"}),
    ],
)
async def test_method_not_allowed(
    client: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    """`Allow` names all methods of the path, not those of one route."""
    response = await client.request(method, path)

    if method == "HEAD":
        assert 405 == response.status_code
    else:
        read_problem(response, 405, "method_not_allowed")
    assert allowed == set(response.headers["Allow"].split(", "))


async def test_fault_of_the_service(
    api: Api,
    client: httpx.AsyncClient,
    rows: Rows,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client gets an id, the log the traceback under that id; neither has what was sent."""
    source = await api.create_source()
    rows.execute("ALTER TABLE leads RENAME COLUMN email TO gone")

    response = await client.post(
        "/interaction",
        json={"email": f"{CANARY}@example.com", "source_id": source, "payload": CANARY},
    )

    problem = read_problem(response, 500, "internal_error")
    assert "leads" not in response.text
    [record] = caplog.records
    assert logging.ERROR == record.levelno
    assert problem["request_id"] == record.__dict__["request_id"]
    assert record.exc_info is not None
    assert re.search(
        r"no such column: leads.email|column \S*email\S* .*does not exist", caplog.text
    )
    assert CANARY not in caplog.text
    assert 200 == (await client.get("/sources")).status_code


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/operators?limit=0"])
@pytest.mark.parametrize("id", ["12345678", "a-B_c.9" * 9, "0" * 64])
async def test_request_id_of_a_proxy_is_kept(client: httpx.AsyncClient, path: str, id: str) -> None:
    """A request has the same id in the proxy's log and in the service's."""
    response = await client.get(path, headers={"X-Request-ID": id})

    assert id == response.headers["X-Request-ID"]
    if not response.is_success:
        assert id == response.json()["request_id"]


@pytest.mark.parametrize(
    "id", ["", "1234567", "0" * 65, "with space", "semi;colon", "new\tline1", "\u0661" * 8]
)
async def test_odd_request_id_is_replaced(client: httpx.AsyncClient, id: str) -> None:
    """An id that could garble a log is not used."""
    response = await client.get("/nothing", headers={b"X-Request-ID": id.encode()})

    problem = read_problem(response, 404, "not_found")
    assert re.fullmatch("[0-9a-f]{32}", problem["request_id"])


async def test_every_request_has_its_own_id(client: httpx.AsyncClient) -> None:
    """Without a proxy the service generates ids."""
    ids = {(await client.get("/healthz")).headers["X-Request-ID"] for _ in range(5)}

    assert 5 == len(ids)
