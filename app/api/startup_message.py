"""The message about a start, for servers that start the application themselves."""

import logging
import sys
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import ServiceError, StartupError
from app.core.startup import is_worker
from app.db.database import Database

_log = logging.getLogger(__name__)


class StartupMessageMiddleware:
    """Logs the database in one line at startup, or the error in place of a traceback.

    For servers such as `uvicorn app.main:app`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: each step of every request would pass through it.
        if scope["type"] != "lifespan":
            return self._app(scope, receive, send)
        return self._start(scope, receive, send)

    async def _start(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_briefly(message: Message) -> None:
            error = sys.exc_info()[1]
            if message["type"] == "lifespan.startup.complete" and not is_worker():
                database: Database = scope["app"].state.database
                new = " (new)" if database.is_new else ""
                _log.info("Database: %s%s.", database.location, new)
            brief = isinstance(error, StartupError | ServiceError)
            if message["type"] == "lifespan.startup.failed" and brief:
                message = {**message, "message": str(error)}
            await send(message)

        await self._app(scope, receive, send_briefly)
