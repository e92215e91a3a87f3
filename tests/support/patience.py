"""How long an answer may take where the machine itself stands still now and then."""

import asyncio

ANSWER_WITHIN = 5
"""Seconds, whatever the database does."""
_BEAT = 0.05
_STALL = 0.1
"""Seconds late from which on it was the machine's doing."""


class Patience:
    """The five seconds of an answer, and on top of them what the machine stood still meanwhile."""

    def __init__(self) -> None:
        self.seconds: float = ANSWER_WITHIN

    async def watch(self) -> None:
        """Look at the clock until cancelled; whoever sleeps so shortly wakes in time."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _BEAT
            await asyncio.sleep(_BEAT)
            late = loop.time() - due
            if late > _STALL:
                self.seconds += late
