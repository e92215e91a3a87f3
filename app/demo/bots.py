"""Bots that post inquiries concurrently."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import httpx

from app.demo.inquiries import SampleInquiry

BOTS = 12
NO_ANSWER = 0
"""Counted in place of a status when a request got no answer."""


async def post_all(
    client: httpx.AsyncClient, inquiries: Sequence[SampleInquiry], on_answer: Callable[[], object]
) -> Counter[int]:
    """Post each inquiry once.

    Returns:
        The number of answers by HTTP status.

    """
    answers: Counter[int] = Counter()
    remaining = iter(inquiries)

    async def bot() -> None:
        for inquiry in remaining:
            answers[await _post(client, inquiry)] += 1
            on_answer()

    async with asyncio.TaskGroup() as bots:
        for _ in range(BOTS):
            bots.create_task(bot())
    return answers


async def _post(client: httpx.AsyncClient, inquiry: SampleInquiry) -> int:
    try:
        answer = await client.post("/interaction", json=inquiry._asdict())
    except httpx.TransportError:
        return NO_ANSWER
    return answer.status_code
