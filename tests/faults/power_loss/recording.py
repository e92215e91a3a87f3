"""A run of the real service under load, with its system calls on the disk and to its clients."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.power_loss.trace import STRACE, Call, Send, Sync, read_calls
from tests.support.api import Api
from tests.support.load import at_once, new_client

ROOT = Path(__file__).parents[3]
INQUIRIES = 600
BOTS = 4
LEADS = 400
PAYLOAD_CHARACTERS = 2000
"""Of such a size that the write-ahead log outgrows its limit of 1000 pages more than once."""


@dataclass(frozen=True)
class Recording:
    """What was asked of the disk, and what was promised when."""

    database: Path
    calls: list[Call]
    acknowledged: dict[int, int]
    """The number of the inquiry whose status line the call at this position sends."""

    @property
    def checkpoints(self) -> int:
        """How often the log was brought into the database file since the first promise."""
        return self.calls[min(self.acknowledged) :].count(Sync(self.database))


def email(number: int) -> str:
    """Whose inquiry that is; some come twice."""
    return f"lead{number % LEADS}@example.com"


def payload(number: int) -> str:
    """What the inquiry says, unlike any other."""
    return f"inquiry {number} ".ljust(PAYLOAD_CHARACTERS, "abcdefg"[number % 7])


async def record(folder: Path, application: str = "app.main:app") -> Recording:
    """Start the service on an empty folder, send it inquiries side by side, and stop it."""
    database, trace = folder.resolve() / "service.db", folder / "trace"
    async with _traced_service(application, database, trace) as url:
        await _send_inquiries(url)
    files = {database, database.parent, *(Path(f"{database}{end}") for end in ("-wal", "-journal"))}
    with trace.open(encoding="ascii") as lines:
        calls = list(read_calls(lines, files))
    # It is large, and pytest keeps the folders of several runs.
    trace.unlink()
    return Recording(database, calls, dict(_acknowledgements(calls)))


@asynccontextmanager
async def _traced_service(application: str, database: Path, trace: Path) -> AsyncIterator[str]:
    """The service's address, while it runs."""
    process = await asyncio.create_subprocess_exec(
        *(*STRACE, "-o", trace, sys.executable, "-m", "uvicorn", application),
        *("--app-dir", ROOT, "--http", "httptools", "--port", "0", "--no-access-log"),
        cwd=database.parent,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{database}"},
        stderr=PIPE,
    )
    assert process.stderr is not None
    said = ""
    while "Uvicorn running on" not in said:
        line = (await process.stderr.readline()).decode()
        assert line, f"the service did not start: {said}"
        said += line
    # A signal to strace would end the tracing, not the service.
    service = int(re.findall(r"server process \[(\d+)\]", said)[0])
    try:
        yield re.findall(r"running on (http://\S+)", said)[0]
    finally:
        os.kill(service, signal.SIGTERM)
        await process.communicate()


async def _send_inquiries(url: str) -> None:
    numbers = iter(range(INQUIRIES))
    async with new_client(url) as client:
        api = Api(client)
        operators = [await api.create_operator() for _ in range(3)]
        source = await api.create_source(dict.fromkeys(operators, 10))

        async def bot() -> None:
            for number in numbers:
                await api.post(source, email(number), payload=payload(number))

        await at_once(bot() for _ in range(BOTS))


def _acknowledgements(calls: Iterable[Call]) -> Iterator[tuple[int, int]]:
    """Positions of status lines, each with the inquiry that the body after it belongs to."""
    status_lines: dict[str, int] = {}
    for position, call in enumerate(calls):
        if not isinstance(call, Send):
            continue
        if call.data.startswith(b"HTTP/1.1 201"):
            status_lines[call.socket] = position
        if body := re.search(rb'"payload":"inquiry (\d+) ', call.data):
            yield status_lines.pop(call.socket), int(body[1])
