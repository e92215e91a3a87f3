"""The service as it would be if it spared itself the syncs: `SYNCHRONOUS` says how far."""

import os
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

from app.main import app

__all__ = ["app"]


@event.listens_for(Pool, "checkout")
def spare_the_syncs(connection: Any, _record: object, _proxy: object) -> None:
    """Set the pragma again, after the service has set it."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA synchronous = {os.environ['SYNCHRONOUS']}")
    cursor.close()
