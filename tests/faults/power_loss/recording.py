"""Records a run of the real service under load: its system calls on files and sockets."""

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
"""Large enough that the write-ahead log exceeds its limit of 1000 pages more than once."""


@dataclass(frozen=True)
class Recording:
    """The system calls of a run, and the position of each acknowledgement."""

    database: Path
    calls: list[Call]
    acknowledged: dict[int, int]
    """The inquiry's number by the position of the call that sends its status line."""

    @property
    def checkpoints(self) -> int:
        """The number of checkpoints since the first acknowledgement."""
        return self.calls[min(self.acknowledged) :].count(Sync(self.database))


def email(number: int) -> str:
    """The lead of an inquiry; some leads send two."""
    return f"lead{number % LEADS}@example.com"


def payload(number: int) -> str:
    """The unique payload of an inquiry."""
    return f"inquiry {number} ".ljust(PAYLOAD_CHARACTERS, "abcdefg"[number % 7])


async def record(folder: Path, application: str = "app.main:app") -> Recording:
    """Start the service in an empty folder, send it concurrent inquiries, and stop it."""
    database, trace = folder.resolve() / "service.db", folder / "trace"
    async with _traced_service(application, database, trace) as url:
        await _send_inquiries(url)
    files = {database, database.parent, *(Path(f"{database}{end}") for end in ("-wal", "-journal"))}
    with trace.open(encoding="ascii") as lines:
        calls = list(read_calls(lines, files))
    # The trace is large, and pytest keeps the folders of several runs.
    trace.unlink()
    return Recording(database, calls, dict(_acknowledgements(calls)))


@asynccontextmanager
async def _traced_service(application: str, database: Path, trace: Path) -> AsyncIterator[str]:
    """Run the service under strace; yields its base URL."""
    process = await asyncio.create_subprocess_exec(
        *(*STRACE, "-o", trace, sys.executable, "-m", "uvicorn", application),
        *("--app-dir", ROOT, "--http", "httptools", "--port", "0", "--no-access-log"),
        cwd=database.parent,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{database}"},
        stderr=PIPE,
    )
    assert process.stderr is not None
    output = ""
    while "Uvicorn running on" not in output:
        line = (await process.stderr.readline()).decode()
        assert line, f"the service did not start: {output}"
        output += line
    # A signal to strace would end the trace, not the service.
    service = int(re.findall(r"server process \[(\d+)\]", output)[0])
    try:
        yield re.findall(r"running on (http://\S+)", output)[0]
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
    """The position of each 201's status line, with the number of the inquiry in its body."""
    status_lines: dict[str, int] = {}
    for position, call in enumerate(calls):
        if not isinstance(call, Send):
            continue
        if call.data.startswith(b"HTTP/1.1 201"):
            status_lines[call.socket] = position
        if body := re.search(rb'"payload":"inquiry (\d+) ', call.data):
            yield status_lines.pop(call.socket), int(body[1])
