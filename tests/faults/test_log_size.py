"""SQLite's write-ahead log stays short while clients read."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from app.core.config import Settings
from app.db import sqlite_watch
from app.main import create_app
from tests.support.api import Api
from tests.support.kinds import only_sqlite
from tests.support.load import keep_on

LIMIT = 300_000


async def wal_bytes(client: httpx.AsyncClient) -> float:
    """The size of the log in the metrics."""
    text = (await client.get("/metrics")).text
    [size] = re.findall(r"^sqlite_wal_bytes (\S+)$", text, re.MULTILINE)
    return float(size)


@only_sqlite
async def test_overlapping_readers_do_not_prevent_truncation(
    settings: Settings, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is truncated although a client reads at any moment; all requests are answered."""
    monkeypatch.setattr(sqlite_watch, "LOG_LIMIT", LIMIT)
    monkeypatch.setattr(sqlite_watch, "RETRY", 0.0)
    log = Path(f"{database_path}-wal")
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        source = await Api(client).create_source()
        finished = asyncio.Event()
        inquiry = {"email": "lead@example.com", "source_id": source, "payload": "x" * 20_000}
        tasks = [
            asyncio.create_task(keep_on(lambda: client.get("/interactions?limit=20"), finished))
            for _ in range(3)
        ]
        tasks.append(
            asyncio.create_task(
                keep_on(lambda: client.post("/interaction", json=inquiry), finished)
            )
        )
        sizes = [0.0]
        async with asyncio.timeout(60):
            # It grows beyond the limit, and is truncated after that.
            while not max(sizes) > LIMIT or sizes[-1] > LIMIT / 3:
                sizes.append(log.stat().st_size)
                await asyncio.sleep(0.01)
        finished.set()
        answers = [answer for task in tasks for answer in await task]
        shown = await wal_bytes(client)

    assert {200, 201} == {answer.status_code for answer in answers}
    assert 0 <= shown <= max(sizes) + LIMIT


@only_sqlite
async def test_long_reader_blocks_no_writers(
    settings: Settings, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inquiries are accepted and the log grows while a client reads; then it is truncated."""
    monkeypatch.setattr(sqlite_watch, "LOG_LIMIT", LIMIT)
    monkeypatch.setattr(sqlite_watch, "RETRY", 0.0)
    log = Path(f"{database_path}-wal")
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        api = Api(client)
        source = await api.create_source()
        async with app.state.database.reading() as session:
            await session.connection()
            for _ in range(30):
                await api.post(source, payload="x" * 20_000)
            grown = log.stat().st_size
            read = await client.get("/interactions?limit=1")
        async with asyncio.timeout(60):
            while log.stat().st_size:  # noqa: ASYNC110  # a file has no event
                await asyncio.sleep(0.05)

    assert grown > LIMIT
    assert 200 == read.status_code
