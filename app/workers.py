"""Several processes of the service behind one socket."""

import asyncio
import os
from collections.abc import Callable
from tempfile import TemporaryDirectory

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess

from app.core.config import load_settings
from app.core.errors import StartupError
from app.db.database import Database
from app.server import UVICORN_OPTIONS, base_url, listen


def run_workers(host: str, port: int, workers: int, announce: Callable[[str], None]) -> None:
    """Run so many processes until Ctrl-C or SIGTERM; one that dies is replaced.

    Args:
        host: the address to listen on.
        port: the port; 0 is any free one.
        workers: how many processes.
        announce: hears the base URL.

    Raises:
        StartupError: the database serves only one process, it cannot be opened or migrated, or the
            address cannot be listened on.

    """
    with listen(host, port) as listener, TemporaryDirectory() as metrics:
        database = Database(load_settings().database_url)
        if not database.serves_many:
            raise StartupError("SQLite serves one process; --workers needs PostgreSQL.")
        # Here, where what is wrong can be said once.
        asyncio.run(_prepare(database))
        # Where each process keeps its metrics, so that any of them can answer for all.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        announce(base_url(listener))
        config = uvicorn.Config("app.main:app", lifespan="on", workers=workers, **UVICORN_OPTIONS)
        _Workers(config, sockets=[listener]).run()


class _Workers(Multiprocess):
    """Takes what a process that has died had waiting out of the metrics."""

    def keep_subprocess_alive(self) -> None:
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library has no types here


async def _prepare(database: Database) -> None:
    async with database.serving():
        pass
