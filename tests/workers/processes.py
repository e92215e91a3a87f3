"""The service as several processes behind one socket, each of which tests can address."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from time import sleep

import httpx

from tests.faults.process import START_TIMEOUT, Service
from tests.support.load import at_once, new_client

_PROC = Path("/proc")


class Workers(Service):
    """The service in `count` processes. On Linux only: it finds them in /proc."""

    def __init__(self, database_url: str, log: Path, count: int) -> None:
        super().__init__(database_url, log, "--workers", str(count))
        self._count = count

    def pids(self) -> list[int]:
        """The processes that serve, without their supervisor."""
        children = (_PROC / f"{self.pid}/task/{self.pid}/children").read_text("ascii").split()
        return [int(pid) for pid in children if _runs(pid, b"spawn_main")]

    async def start(self) -> None:
        await super().start()
        await self.all_ready()

    async def start_again(self) -> None:
        """Start the processes unless they still run after an earlier test, and empty the log."""
        if self.is_running:
            await self.all_ready()
        else:
            await self.start()
        self.clear_log()

    async def all_ready(self) -> None:
        """Wait until all processes run and are ready.

        Raises:
            TimeoutError: it took longer than `START_TIMEOUT`.

        """
        ready: list[int] = []
        async with asyncio.timeout(START_TIMEOUT):
            while len(ready) < self._count:
                await asyncio.sleep(0.1)
                ready = [pid for pid in self.pids() if await self._is_ready(pid)]

    async def replaced(self, pid: int) -> None:
        """Wait until a killed process is gone, and all processes are ready.

        Raises:
            TimeoutError: as `all_ready`.

        """
        await self.gone([pid])
        await self.all_ready()

    async def gone(self, pids: Sequence[int]) -> None:
        """Wait until these processes have ended.

        Raises:
            TimeoutError: it took longer than `START_TIMEOUT`.

        """
        async with asyncio.timeout(START_TIMEOUT):
            while left := [pid for pid in pids if _runs(str(pid), b"spawn_main")]:
                await asyncio.sleep(0.05)
                pids = left

    @asynccontextmanager
    async def clients(self, connections: int) -> AsyncIterator[list[httpx.AsyncClient]]:
        """A client for each process, with connections to that process only."""
        async with AsyncExitStack() as stack:
            clients = []
            for pid in self.pids():
                client = await stack.enter_async_context(new_client(self.url, connections))
                with self._alone(pid):
                    await at_once(client.get("/healthz") for _ in range(connections))
                clients.append(client)
            yield clients

    @contextmanager
    def _alone(self, pid: int) -> Iterator[None]:
        """Suspend all other processes until the block ends: only this one accepts connections."""
        others = [other for other in self.pids() if other != pid]
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            while not all(_state(other) in "TtZ" for other in others):
                sleep(0.001)
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    async def _is_ready(self, pid: int) -> bool:
        async with httpx.AsyncClient(base_url=self.url, timeout=0.5) as client:
            with self._alone(pid):
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False


def _runs(pid: str, text: bytes) -> bool:
    try:
        return text in (_PROC / pid / "cmdline").read_bytes()
    except OSError:  # The process has just ended.
        return False


def _state(pid: int) -> str:
    return (_PROC / f"{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
