"""Retries transactions that the database rolled back, for example after a deadlock."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from random import random
from typing import Any, ParamSpec, TypeVar

from app.core.errors import RolledBack

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

RETRY_DELAYS = (0.02, 0.1)
"""Maximum seconds before each retry; jitter keeps two transactions from colliding again."""


def retry_rolled_back(
    transaction: Callable[Arguments, Coroutine[Any, Any, Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Decorate a transaction, so that it is run again each time that it raises `RolledBack`.

    If the last retry is rolled back, too, the caller gets `RolledBack`.
    """

    @wraps(transaction)
    async def retry(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        for delay in RETRY_DELAYS:
            try:
                return await transaction(*args, **kwargs)
            except RolledBack:
                await asyncio.sleep(delay * random())
        return await transaction(*args, **kwargs)

    return retry
