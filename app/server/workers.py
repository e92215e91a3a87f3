"""Runs several processes of the service on one socket."""

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
    """Run worker processes until Ctrl-C or SIGTERM; a process that exits is replaced.

    Args:
        host: the address to listen on.
        port: the port; 0 picks a free one.
        workers: the number of processes.
        root_path: the path under which clients see the application.
        announce: called with the base URL and the database.

    Raises:
        StartupError: the database allows only one process or cannot be opened or migrated, or the
            address cannot be used.

    """
    with listen(host, port) as listener, TemporaryDirectory() as metrics:
        settings = begin()
        database = Database(settings.database_url)
        if not database.serves_many:
            raise StartupError("SQLite allows only one process; --workers requires PostgreSQL.")
        # In the parent process, so that an error is reported only once.
        asyncio.run(_prepare(database, Log(settings.log_format, settings.log_level)))
        # Processes share metrics by files in this folder, so that any of them can report all.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        announce(base_url(listener), database)
        config = Config("app.main:app", settings, root_path, lifespan="on", workers=workers)
        _Workers(config, sockets=[listener]).run()


class _Worker(Process):
    """A worker process."""

    config: Config
    _server: Server | None

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = Server(self.config)
        return self._server

    def target(self, sockets: list[socket] | None = None) -> None:
        if parent := parent_process():
            Thread(target=_stop_after, args=(parent,), daemon=True).start()
        super().target(sockets)


def _stop_after(parent: BaseProcess) -> None:
    """Shut down when the supervisor exits: without it, this process would keep the port."""
    parent.join()
    signal.raise_signal(signal.SIGTERM)


class _Workers(Multiprocess):
    """uvicorn's supervisor, with its own rules for replacing processes and for shutdown."""

    config: Config
    processes: list[Process]

    def init_processes(self) -> None:
        self.processes = [self._start() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Replace processes that have exited.

        uvicorn stops all processes if one cannot start, which may be temporary, such as an
        unavailable database. It also kills a process that takes seconds to respond, as may happen
        when many start at once.
        """
        for index, process in enumerate(self.processes):
            if process.exitcode is not None:
                # Remove its queue depth from the metrics.
                mark_process_dead(process.pid)  # type: ignore[no-untyped-call]  # the library has no types here
                self.processes[index] = self._start()

    def terminate_all(self) -> None:
        # If it stayed open here, the kernel would accept connections that no process serves.
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
