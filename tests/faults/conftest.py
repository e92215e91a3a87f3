"""The service in a process of its own, and the history of what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.process import Service
from tests.support.answer_time import AnswerTime


@pytest.fixture
async def service(durable_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """The running service; what still runs in the end is killed."""
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
