"""Notifies the service manager that the service is ready: systemd's `Type=notify`, sd_notify(3)."""

import os
import socket
from contextlib import suppress


def notify_ready() -> None:
    """Send the notification if `NOTIFY_SOCKET` is set."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # An abstract address, which begins with a NUL byte.
        address = f"\0{address[1:]}"
    # The service also runs if its manager has exited.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", address)
