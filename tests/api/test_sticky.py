"""In a sticky source, inquiries of a returning lead are assigned to its latest operator."""

import pytest

from app.services import queue
from tests.support.api import Api


@pytest.mark.parametrize("chunk", [queue.CHUNK, 1])
async def test_latest_operator_is_that_of_the_youngest_interaction(
    api: Api, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """Assigning an older interaction from the queue does not change its lead's latest operator.

    It makes no difference how many are assigned in one transaction.
    """
    monkeypatch.setattr(queue, "CHUNK", chunk)
    elsewhere, first, second = [await api.create_operator() for _ in range(3)]
    other, sticky = await api.create_source({elsewhere: 1}), await api.create_source(sticky=True)
    waiting = [await api.post(sticky), await api.post(sticky)]
    assert elsewhere == (await api.post(other))["operator_id"]

    await api.set_weights(sticky, {first: 1, second: 1})

    rows = await api.call("GET", f"/interactions?source_id={sticky}")
    assert [interaction["id"] for interaction in waiting] == [row["id"] for row in rows]
    assert [first, second] == [row["operator_id"] for row in rows]
