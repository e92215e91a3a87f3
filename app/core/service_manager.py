"""Tells the service manager that the service is ready: systemd's `Type=notify`, sd_notify(3)."""

import os
import socket
from contextlib import suppress


def notify_ready() -> None:
    """Say so, where a service manager asks for it by `NOTIFY_SOCKET`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # An abstract address, whose first byte cannot be written.
        address = f"\0{address[1:]}"
    # A manager that has gone is no reason not to serve.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", address)
