"""Dependencies of routes."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Query, Request

from app.db.database import Database
from app.db.session import ReadSession as _ReadSession
from app.schemas.query import PageQuery
from app.services.intake import Intake
from app.services.preview import Previews


def database_of(request: Request) -> Database:
    """The database that the lifespan opened."""
    database: Database = request.app.state.database
    return database


def intake_of(request: Request) -> Intake:
    """The intake of this process.

    Called, not injected: FastAPI takes 8 µs to resolve a dependency, and this is the hot path.
    """
    intake: Intake = request.app.state.intake
    return intake


def previews_of(request: Request) -> Previews:
    """The previews of this process."""
    previews: Previews = request.app.state.previews
    return previews


async def _reading(request: Request) -> AsyncIterator[_ReadSession]:
    async with database_of(request).reading() as session:
        yield session


# With FastAPI's default scope the session would keep its connection until the response is sent.
ReadSession = Annotated[_ReadSession, Depends(_reading, scope="function")]

Page = Annotated[PageQuery, Query()]
