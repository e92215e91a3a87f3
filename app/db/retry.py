"""Retries transactions that the database rolled back, for example after a deadlock."""

import asyncio
from collections.abc import Awaitable, Callable
from random import random
from typing import TypeVar

from app.core.errors import RolledBack

Result = TypeVar("Result")

RETRY_DELAYS = (0.02, 0.1)
"""Maximum seconds before each retry; jitter keeps two transactions from colliding again."""


async def retry_rolled_back(transaction: Callable[[], Awaitable[Result]]) -> Result:
    """Run a transaction, and run it again each time that it raises `RolledBack`.

    Raises:
        RolledBack: each attempt was rolled back.

    """
    for delay in RETRY_DELAYS:
        try:
            return await transaction()
        except RolledBack:
            await asyncio.sleep(delay * random())
    return await transaction()
