"""The service in a process of its own, and the history of what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.process import Service
from tests.support.patience import Patience


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
async def patience() -> AsyncIterator[Patience]:
    """How long answers may take during the test."""
    patience = Patience()
    watching = asyncio.create_task(patience.watch())
    yield patience
    watching.cancel()
