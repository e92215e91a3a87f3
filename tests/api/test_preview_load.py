"""Long previews run one at a time, concurrently with all other requests."""

import asyncio

import httpx
import pytest

from app.core.config import Settings
from app.db.database import Database
from app.main import create_app
from app.services.preview import MAX_WAITING, Previews
from tests.support.api import Api
from tests.support.load import at_once, new_client
from tests.support.metrics import Samples, parse
from tests.support.problems import read_problem
from tests.support.raw import post
from tests.support.rows import Rows
from tests.support.server import LiveServer

OPERATORS = 995
LONG = {"count": 1000}
"""Takes a second or more with so many operators."""
PREVIEW = "/sources/1/preview"
CANCELLED = ("http_request_duration_seconds_count", "POST", "/sources/{source_id}/preview", "499")


@pytest.fixture
def settings(database_url: str) -> Settings:
    """With a single reading connection."""
    return Settings(_env_file=None, database_url=database_url, database_readers=1)


@pytest.fixture
def crowd(rows: Rows) -> None:
    """Source 1 with 995 operators."""
    ids = range(1, OPERATORS + 1)
    operators = ", ".join(f"({id}, 'Maria', TRUE)" for id in ids)
    weights = ", ".join(f"(1, {id}, {id})" for id in ids)
    rows.executescript(
        f"INSERT INTO operators (id, name, active) VALUES {operators};"
        "INSERT INTO sources (id, description) VALUES (1, 'bot');"
        "INSERT INTO source_operator_settings (source_id, operator_id, weight)"
        f" VALUES {weights};"
    )


@pytest.mark.timeouts
@pytest.mark.heavy
async def test_one_runs_at_a_time(client: httpx.AsyncClient, crowd: None) -> None:
    """A few others wait briefly; a preview that times out, or is one too many, gets a 503."""
    answers = await at_once(client.post(PREVIEW, json=LONG) for _ in range(MAX_WAITING + 4))

    played = [answer for answer in answers if answer.status_code == 200]
    busy = [answer for answer in answers if answer.status_code != 200]
    assert played
    assert 3 <= len(busy)
    for answer in busy:
        read_problem(answer, 503, "busy")
        assert "1" == answer.headers["Retry-After"]
    assert 200 == (await client.post(PREVIEW, json={"count": 1})).status_code


@pytest.mark.heavy
async def test_no_connection_is_kept_meanwhile(
    api: Api, client: httpx.AsyncClient, crowd: None
) -> None:
    """Reads and inquiries are answered before the preview is."""
    preview = asyncio.create_task(client.post(PREVIEW, json=LONG))
    await asyncio.sleep(0)
    listed = await api.call("GET", "/sources")
    posted = await api.post(1)
    seen_before = not preview.done()
    played = await preview

    assert [1] == [source["id"] for source in listed]
    assert seen_before
    assert 200 == played.status_code
    assert posted["operator_id"] is not None


async def test_cancelled_preview_lets_the_next_one_run(database: Database, crowd: None) -> None:
    """The next preview runs, whether the cancelled one was waiting or running."""
    previews = Previews(database)
    for _ in range(3):
        started = [asyncio.create_task(previews.preview(1, count=1000)) for _ in range(3)]
        await asyncio.sleep(0.1)
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)

        preview = await previews.preview(1, count=1)

        assert 1 == len(preview.sequence)


async def test_client_that_disconnects(server: LiveServer, crowd: None) -> None:
    """The preview is cancelled, and the request counted with 499."""
    body = b'{"count": 1000}'
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(post(PREVIEW, body, f"Content-Length: {len(body)}"))
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    await writer.wait_closed()

    async with asyncio.timeout(30), new_client(server.url) as client:
        samples: Samples = {}
        while CANCELLED not in samples:
            await asyncio.sleep(0.05)
            samples = parse((await client.get("/metrics")).text)


def test_busy_is_documented() -> None:
    """The OpenAPI document has the 503."""
    responses = create_app().openapi()["paths"]["/sources/{source_id}/preview"]["post"]["responses"]

    assert "503" in responses
