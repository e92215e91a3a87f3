"""The listening socket: how many connections may wait to be accepted."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.server.serve import listen

BURST = 300
_SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


def test_burst_of_connections() -> None:
    """Hundreds of clients connect while the service is busy."""
    if not _SOMAXCONN.exists() or int(_SOMAXCONN.read_text()) < BURST:
        pytest.skip("the system allows fewer connections to wait, or does not say how many")
    with listen("127.0.0.1", 0) as listener, ExitStack() as stack:
        for _ in range(BURST):
            stack.enter_context(socket.create_connection(listener.getsockname(), timeout=30))
