"""What routes ask for."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Query, Request

from app.core.limits import MAX_IDEMPOTENCY_KEY_LENGTH
from app.db.database import Database
from app.db.database import ReadSession as _ReadSession
from app.db.database import WriteSession as _WriteSession
from app.db.group_commit import GroupCommit
from app.schemas.query import PageQuery
from app.services.intake import Inquiry, Recorded


async def get_database(request: Request) -> Database:
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


async def _intake(request: Request) -> GroupCommit[Inquiry, Recorded]:
    intake: GroupCommit[Inquiry, Recorded] = request.app.state.intake
    return intake


# With FastAPI's default scope these would end after the response, and a failed COMMIT answer 201.
ReadSession = Annotated[_ReadSession, Depends(_reading, scope="function")]
WriteSession = Annotated[_WriteSession, Depends(_writing, scope="function")]

Intake = Annotated[GroupCommit[Inquiry, Recorded], Depends(_intake)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="The bot's own name for this inquiry, unique in its source: 1 to 255 visible "
        "ASCII characters.",
        min_length=1,
        max_length=MAX_IDEMPOTENCY_KEY_LENGTH,
        pattern=r"^[\x21-\x7e]+$",
    ),
]

Page = Annotated[PageQuery, Query()]
