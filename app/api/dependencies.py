"""What routes ask for."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Query, Request

from app.db.database import Database
from app.db.database import ReadSession as _ReadSession
from app.db.database import WriteSession as _WriteSession
from app.schemas.query import PageQuery


def get_database(request: Request) -> Database:
    """The database that the lifespan opened."""
    database: Database = request.app.state.database
    return database


OpenDatabase = Annotated[Database, Depends(get_database)]


async def _reading(database: OpenDatabase) -> AsyncIterator[_ReadSession]:
    async with database.reading() as session:
        yield session


async def _writing(database: OpenDatabase) -> AsyncIterator[_WriteSession]:
    async with database.writing() as session:
        yield session


# With FastAPI's default scope these would end after the response, and a failed COMMIT answer 201.
ReadSession = Annotated[_ReadSession, Depends(_reading, scope="function")]
WriteSession = Annotated[_WriteSession, Depends(_writing, scope="function")]

Page = Annotated[PageQuery, Query()]
