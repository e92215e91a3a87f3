"""Writes log lines in a thread, so that a slow reader of the log does not block the event loop."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TextIO

INTERVAL = 0.2
"""Seconds between two writes; the lines of an interval are written together."""
CAPACITY = 100_000
"""Maximum number of queued lines; further lines are dropped until the reader reads."""
_FLUSH_TIMEOUT = 2
"""Seconds that a slow reader has at shutdown to read the remaining lines."""

_log = logging.getLogger(__name__)


class LogWriter:
    """A file-like object; a thread writes its lines to a stream."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._dropped = 0

    def write(self, line: str) -> None:
        """Queue a line. Never blocks, and never fails."""
        if len(self._lines) < CAPACITY:
            self._lines.append(line)
        else:
            self._dropped += 1

    def flush(self) -> None:
        """Do nothing: the thread flushes."""

    @contextmanager
    def writing_to(self, stream: TextIO) -> Iterator[None]:
        """Write to a stream until the block ends, then write the lines that are left."""
        ended = Event()
        thread = Thread(target=self._run, args=(stream, ended), name="log", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(_FLUSH_TIMEOUT)

    def _run(self, stream: TextIO, ended: Event) -> None:
        while not ended.wait(INTERVAL):
            self._write_queued(stream)
        self._write_queued(stream)

    def _write_queued(self, stream: TextIO) -> None:
        # Only the lines queued now: the event loop may add more.
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        # A reader that has closed the log does not stop the service.
        with suppress(OSError, ValueError):
            stream.write("".join(lines))
            stream.flush()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            _log.warning("%d log lines were dropped: the reader of the log was too slow", dropped)
