"""Several processes of the service behind one socket."""

import asyncio
import os
import signal
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from socket import socket
from tempfile import TemporaryDirectory
from threading import Thread

from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from app.core.errors import StartupError
from app.core.logging import Log
from app.core.startup import WORKER, begin
from app.db.database import Database
from app.server.serve import Config, Server, base_url, listen


def run_workers(
    host: str, port: int, workers: int, root_path: str, announce: Callable[[str, Database], None]
) -> None:
    """Run so many processes until Ctrl-C or SIGTERM; one that dies is replaced.

    Args:
        host: the address to listen on.
        port: the port; 0 is any free one.
        workers: how many processes.
        root_path: the path under which clients see the application.
        announce: hears the base URL and the database.

    Raises:
        StartupError: the database serves only one process, it cannot be opened or migrated, or the
            address cannot be listened on.

    """
    with listen(host, port) as listener, TemporaryDirectory() as metrics:
        settings = begin()
        database = Database(settings.database_url)
        if not database.serves_many:
            raise StartupError("SQLite serves one process; --workers needs PostgreSQL.")
        # Here, where what is wrong can be said once.
        asyncio.run(_prepare(database, Log(settings.log_format, settings.log_level)))
        # Where each process keeps its metrics, so that any of them can answer for all.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        announce(base_url(listener), database)
        config = Config("app.main:app", settings, root_path, lifespan="on", workers=workers)
        _Workers(config, sockets=[listener]).run()


class _Worker(Process):
    """One of the processes."""

    config: Config
    _server: Server | None

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = Server(self.config)
        return self._server

    def target(self, sockets: list[socket] | None = None) -> None:
        if parent := parent_process():
            Thread(target=_end_after, args=(parent,), daemon=True).start()
        super().target(sockets)


def _end_after(parent: BaseProcess) -> None:
    """Without its supervisor this process would not be replaced or ended, and hold the port."""
    parent.join()
    signal.raise_signal(signal.SIGTERM)


class _Workers(Multiprocess):
    """uvicorn's supervisor, which gives up neither a process nor a connection before its time."""

    config: Config
    processes: list[Process]

    def init_processes(self) -> None:
        self.processes = [self._start() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Replace processes that have died.

        uvicorn ends all when one cannot start, which may be for a moment only: the database is
        away. And it kills who takes seconds for a sign of life, as do many that start at once.
        """
        for index, process in enumerate(self.processes):
            if process.exitcode is not None:
                # What it had waiting is out of the metrics.
                mark_process_dead(process.pid)  # type: ignore[no-untyped-call]  # the library has no types here
                self.processes[index] = self._start()

    def terminate_all(self) -> None:
        # Held open here, the port would go on taking connections that no process serves any more.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def _start(self) -> Process:
        process = _Worker(self.config, self.sockets)
        process.process.name = WORKER
        process.start()
        return process


async def _prepare(database: Database, log: Log) -> None:
    async with log.installed(), database.serving():
        pass
