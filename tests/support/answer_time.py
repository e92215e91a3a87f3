"""The time limit of an answer on a machine that stalls."""

import asyncio

ANSWER_WITHIN = 5
"""Seconds, whatever the state of the database."""
_BEAT = 0.05
_STALL = 0.1
"""Seconds of delay from which on a late wake-up counts as a stall of the machine."""


class AnswerTime:
    """The time limit of an answer: five seconds, plus the time for which the machine stalled."""

    def __init__(self) -> None:
        self.seconds: float = ANSWER_WITHIN

    async def watch(self) -> None:
        """Add how late the event loop wakes from short sleeps, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _BEAT
            await asyncio.sleep(_BEAT)
            late = loop.time() - due
            if late > _STALL:
                self.seconds += late
