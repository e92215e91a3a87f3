"""Gives a caller that waits its outcome."""

import asyncio
from typing import Any


def settle(future: asyncio.Future[Any], outcome: object) -> None:
    """Set a result or an exception, unless the caller was cancelled or has timed out."""
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
