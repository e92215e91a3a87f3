"""The service without some or all of its syncs: `SYNCHRONOUS` sets SQLite's level."""

import os
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

from app.main import app

__all__ = ["app"]


@event.listens_for(Pool, "checkout")
def set_synchronous(connection: Any, _record: object, _proxy: object) -> None:
    """Set the pragma again, after the service has set it."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA synchronous = {os.environ['SYNCHRONOUS']}")
    cursor.close()
