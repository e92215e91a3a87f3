"""The service under a path of a proxy, which may strip the path from requests or keep it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.core.config import Settings
from app.main import create_app
from tests.support.kinds import only_sqlite
from tests.support.server import run_server

pytestmark = only_sqlite

ROOT = "/leads-api"


@pytest.fixture(params=["", ROOT], ids=["stripped", "kept"])
async def inside(
    settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests arrive as the proxy forwards them."""
    async with (
        run_server(create_app(settings), root_path=ROOT) as server,
        httpx.AsyncClient(base_url=f"{server.url}{request.param}") as client,
    ):
        yield client


async def test_addresses_include_the_path(inside: httpx.AsyncClient) -> None:
    """`Location`, `Link` and the OpenAPI document include the path."""
    created = await inside.post("/operators", json={"name": "Maria"})
    await inside.post("/operators", json={"name": "Ivan"})
    source = await inside.post("/sources", json={"description": "bot"})
    inquiry = {"email": "anna@example.com", "source_id": source.json()["id"]}
    interaction = await inside.post("/interaction", json=inquiry)
    page = await inside.get("/operators?limit=1")
    document = (await inside.get("/openapi.json")).json()

    assert f"{ROOT}/operators/{created.json()['id']}" == created.headers["Location"]
    assert f"{ROOT}/sources/{source.json()['id']}" == source.headers["Location"]
    assert f"{ROOT}/interactions/{interaction.json()['id']}" == interaction.headers["Location"]
    assert f'<{ROOT}/operators?limit=1&after=1>; rel="next"' == page.headers["Link"]
    assert [{"url": ROOT}] == document["servers"]


async def test_swagger_ui(inside: httpx.AsyncClient) -> None:
    """The page requests its assets under the path, and they are served."""
    page = await inside.get("/docs")
    asset = await inside.get("/docs/assets/swagger-ui.css")

    assert 200 == page.status_code
    assert f'"{ROOT}/docs/assets/swagger-ui-bundle.js"' in page.text
    assert f"{ROOT}/openapi.json" in page.text
    assert 200 == asset.status_code


async def test_root_redirects(inside: httpx.AsyncClient) -> None:
    """`/` redirects to the page under the path."""
    assert f"{ROOT}/docs" == (await inside.get("/")).headers["Location"]


async def test_errors(inside: httpx.AsyncClient) -> None:
    """`Allow` and 404 are the same under the path."""
    wrong_method = await inside.post("/operators/1")
    nothing = await inside.get("/nothing")

    assert (405, "GET, HEAD, PATCH") == (wrong_method.status_code, wrong_method.headers["Allow"])
    assert 404 == nothing.status_code
