"""The listening socket: how many connections may wait at it."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.server.serve import listen

BURST = 300
_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


def test_burst_of_connections() -> None:
    """Hundreds connect while the service is busy with something else."""
    if not _SOMAXCONN.exists() or int(_SOMAXCONN.read_text()) < BURST:
        pytest.skip("the system lets fewer connections wait, or does not say how many")
    with listen("127.0.0.1", 0) as listener, ExitStack() as stack:
        for _ in range(BURST):
            stack.enter_context(socket.create_connection(listener.getsockname(), timeout=30))
