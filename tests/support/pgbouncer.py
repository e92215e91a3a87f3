"""A real PgBouncer in front of a server, from Debian's package."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pytest
from sqlalchemy.engine import make_url

_START_TIMEOUT = 120
_PASSWORD = "through the pooler"


@contextmanager
def running_pgbouncer(url: str, pool_mode: str, **settings: str) -> Iterator[str]:
    """Run PgBouncer until the block ends; yields the URL of the same database through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is in Debian's package pgbouncer")
    server = make_url(url)
    with TemporaryDirectory(prefix="pgbouncer") as name:
        folder, port = Path(name), _free_port()
        (folder / "users").write_text(f'"{server.username}" "{_PASSWORD}"\n', encoding="utf-8")
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(folder / "users"),
            "pool_mode": pool_mode,
            **settings,
        }
        (folder / "ini").write_text(
            f"[databases]\n* = host={server.host} port={server.port}\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in lines.items()),
            encoding="utf-8",
        )
        command = [program, "--quiet", str(folder / "ini")]
        if os.geteuid() == 0:
            # It refuses to run as root.
            shutil.chown(folder, "nobody")
            command[1:1] = ["--user", "nobody"]
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
        ):
            try:
                _wait_until_listening(process, port, folder / "log")
                pooled = server.set(port=port, password=_PASSWORD)
                yield pooled.render_as_string(hide_password=False)
            finally:
                process.kill()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    due = monotonic() + _START_TIMEOUT
    while True:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert monotonic() < due, log.read_text(encoding="utf-8")
            sleep(0.02)
        else:
            return


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
