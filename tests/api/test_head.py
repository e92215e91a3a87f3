"""HEAD is answered as GET, without the body; also what a browser requests first."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app.core.config import Settings
from app.main import create_app
from tests.support.api import Api
from tests.support.metrics import parse
from tests.support.rows import Rows
from tests.support.server import LiveServer, run_server

pytestmark = pytest.mark.both_ways

PATHS = [
    "/",
    "/docs",
    "/docs/assets/swagger-ui-bundle.js",
    "/docs/assets/none",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/interaction",
    "/interactions",
    "/interactions?limit=0",
    "/interactions?limit=2",
    "/interactions/1",
    "/interactions/1/assignments",
    "/interactions/one",
    "/interactions/999",
    "/leads/search",
    "/leads/11111111-1111-1111-1111-111111111111",
    "/leads/11111111-1111-1111-1111-111111111111/interactions",
    "/nothing",
    "/operators",
    "/operators/1",
    "/sources",
    "/sources/1",
    "/sources/1/operators",
    "/stats/operators",
    "/stats/sources/1",
]
CHANGING = {"/metrics"}


async def both(
    client: httpx.AsyncClient, path: str, **headers: str
) -> tuple[httpx.Response, httpx.Response]:
    """The responses to GET and to HEAD, with the same request id."""
    headers |= {"X-Request-ID": "12345678"}
    return await client.get(path, headers=headers), await client.head(path, headers=headers)


def without_date(answer: httpx.Response) -> dict[str, str]:
    """The headers of a response except its date."""
    return {name: value for name, value in answer.headers.items() if name != "date"}


@pytest.fixture
async def filled(api: Api) -> None:
    """Interactions 1 to 3, operator 1, source 1."""
    source = await api.create_source({await api.create_operator(): 1})
    for _ in range(3):
        await api.post(source)


async def test_every_route_is_listed() -> None:
    """A new GET route must be added to the list above."""
    tried = {path.partition("?")[0] for path in PATHS} | CHANGING
    untried = {
        route.path
        for route in iter_route_contexts(create_app().routes)
        if "GET" in (route.methods or ())
        and not any(route.path_regex.fullmatch(path) for path in tried)
    }

    assert set() == untried


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("path", PATHS)
async def test_head_equals_get(client: httpx.AsyncClient, path: str) -> None:
    """Status and headers are the same, including the length of the omitted body."""
    get, head = await both(client, path)

    assert get.status_code == head.status_code
    assert without_date(get) == without_date(head)
    assert b"" == head.content
    assert get.headers["Content-Length"] == str(len(get.content))


async def test_head_of_metrics(client: httpx.AsyncClient) -> None:
    """Metrics are scraped by GET, but probed by HEAD."""
    get, head = await both(client, "/metrics")

    assert 200 == get.status_code == head.status_code
    assert get.headers.keys() == head.headers.keys()
    assert b"" == head.content


async def test_head_of_a_cached_file(client: httpx.AsyncClient) -> None:
    """HEAD returns 304, as GET does."""
    path = "/docs/assets/swagger-ui.css"
    etag = (await client.head(path)).headers["ETag"]

    get, head = await both(client, path, **{"If-None-Match": etag})

    assert 304 == get.status_code == head.status_code
    assert without_date(get) == without_date(head)


async def test_head_while_not_ready(client: httpx.AsyncClient, rows: Rows) -> None:
    """A load balancer that probes by HEAD gets the same status as by GET."""
    rows.execute("UPDATE alembic_version SET version_num = 'other'")

    get, head = await both(client, "/readyz")

    assert 503 == get.status_code == head.status_code
    assert without_date(get) == without_date(head)
    assert b"" == head.content


async def test_head_with_headers_over_the_limit(client: httpx.AsyncClient) -> None:
    """A request that is refused before routing has no body in its response, either."""
    get, head = await both(client, "/healthz", **{"X-Long": "a" * 40_000})

    assert 431 == get.status_code == head.status_code
    assert without_date(get) == without_date(head)
    assert b"" == head.content


async def test_no_body_within_the_process(settings: Settings) -> None:
    """The application itself omits the body, as not every server does."""
    app = create_app(settings)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "HEAD",
        "path": "/openapi.json",
        "query_string": b"",
        "headers": [],
    }
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)

    assert 200 == sent[0]["status"]
    assert b"" == b"".join(message["body"] for message in sent[1:])
    assert "HEAD" == scope["method"]


async def test_no_body_on_the_wire(server: LiveServer) -> None:
    """A client would read any further byte as the next response."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    for path in ("openapi.json", "docs/assets/swagger-ui.css", "nothing", "metrics"):
        writer.write(f"HEAD /{path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 404" if path == "nothing" else b"HTTP/1.1 200")
    writer.write(b"HEAD /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(60):
        rest = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert rest.startswith(b"HTTP/1.1 200")
    assert rest.endswith(b"\r\n\r\n")
    assert 1 == rest.count(b"\r\n\r\n")


async def test_head_is_logged_and_counted(
    settings: Settings, durable_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log and the metrics have its own method, and the route that answered."""
    app = create_app(settings.model_copy(update={"log_format": "json"}))
    async with run_server(app) as server, httpx.AsyncClient(base_url=server.url) as client:
        before = parse((await client.get("/metrics")).text)
        answer = await client.head("/operators/1")
        after = parse((await client.get("/metrics")).text)

    lines: list[dict[str, Any]] = [json.loads(x) for x in capsys.readouterr().err.splitlines()]
    [line] = [line for line in lines if line.get("method") == "HEAD"]
    key = ("http_request_duration_seconds_count", "HEAD", "/operators/{operator_id}", "404")
    assert ("/operators/{operator_id}", 404) == (line["route"], line["status"])
    assert answer.headers["X-Request-ID"] == line["request_id"]
    assert 1 == after[key] - before.get(key, 0)


@pytest.mark.parametrize("range_", ["bytes=0-9", "bytes=99999999-", "bytes=a-b", "lines=1-2", ""])
async def test_assets_are_sent_whole(client: httpx.AsyncClient, range_: str) -> None:
    """Ranges are ignored, even invalid ones."""
    path = "/docs/assets/swagger-ui.css"

    whole, part = await client.get(path), await client.get(path, headers={"Range": range_})

    assert 200 == part.status_code
    assert whole.content == part.content


async def test_root_redirects_to_the_documentation(client: httpx.AsyncClient) -> None:
    """`/` redirects a browser to Swagger UI."""
    answer = await client.get("/", follow_redirects=True)

    assert "/docs" == answer.url.path
    assert "swagger-ui" in answer.text
    assert "/" not in (await client.get("/openapi.json")).json()["paths"]


async def test_root_under_a_path(settings: Settings) -> None:
    """Behind a proxy that serves the service under a path, the redirect includes the path."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, root_path="/leads-api/")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        answers = [await client.get("/"), await client.head("/")]

    assert ["/leads-api/docs"] * 2 == [answer.headers["Location"] for answer in answers]
