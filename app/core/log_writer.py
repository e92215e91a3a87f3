"""Writes log lines beside the event loop, which a slow reader of the log must not hold up."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TextIO

INTERVAL = 0.2
"""Seconds that lines are gathered before they are written, all at once."""
CAPACITY = 100_000
"""Lines that wait at most for a reader who has stopped; the next ones are lost."""
_FLUSH_TIMEOUT = 2
"""Seconds that such a reader has when the service ends."""

_log = logging.getLogger(__name__)


class LogWriter:
    """A file whose lines reach the stream a moment later, from a thread of its own."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._lost = 0

    def write(self, line: str) -> None:
        """Put a line in the queue. Never waits, and never fails."""
        if len(self._lines) < CAPACITY:
            self._lines.append(line)
        else:
            self._lost += 1

    def flush(self) -> None:
        """Nothing: the thread does."""

    @contextmanager
    def writing_to(self, stream: TextIO) -> Iterator[None]:
        """Write to a stream until the block ends, and in the end all that is left."""
        ended = Event()
        thread = Thread(target=self._write, args=(stream, ended), name="log", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(_FLUSH_TIMEOUT)

    def _write(self, stream: TextIO, ended: Event) -> None:
        while not ended.wait(INTERVAL):
            self._pass_on(stream)
        self._pass_on(stream)

    def _pass_on(self, stream: TextIO) -> None:
        # Of the lines here now: the loop may go on adding.
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        # The reader of the log has gone; that is no reason to stop serving.
        with suppress(OSError, ValueError):
            stream.write("".join(lines))
            stream.flush()
        if self._lost:
            lost, self._lost = self._lost, 0
            _log.warning("%d lines of the log were lost: its reader was too slow", lost)
