"""The service in a separate process, and the history of its requests and answers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.process import Service
from tests.support.answer_time import AnswerTime


@pytest.fixture
async def service(durable_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """The running service; it is killed after the test if it still runs."""
    service = Service(durable_url, tmp_path / "service.log")
    try:
        await service.start()
        yield service
    finally:
        service.kill()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """An empty history."""
    history = History(tmp_path / "history.jsonl")
    yield history
    history.close()


@pytest.fixture
async def answer_time() -> AsyncIterator[AnswerTime]:
    """The time limit of answers during the test."""
    answer_time = AnswerTime()
    watching = asyncio.create_task(answer_time.watch())
    yield answer_time
    watching.cancel()
