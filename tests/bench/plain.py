"""The plain service: a session and a commit for each request, on a database with its defaults.

Like most services of this kind: the stock driver, its default settings, ORM objects.
"""

import os
from collections.abc import AsyncIterator
from random import choices
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, FastAPI
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.models import Interaction, Lead, Operator, SourceOperatorSetting
from app.schemas import CreateInteraction, ReadInteraction

app = FastAPI()
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_url = make_url(os.environ["DATABASE_URL"])
_engine = create_async_engine(_url.set(drivername=_DRIVERS[_url.drivername]))
_sessions = async_sessionmaker(_engine, expire_on_commit=False)


async def _session() -> AsyncIterator[AsyncSession]:
    async with _sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(_session)]


async def _pick_operator(session: AsyncSession, source_id: int) -> int:
    settings = await session.scalars(
        select(SourceOperatorSetting)
        .join(Operator, Operator.id == SourceOperatorSetting.operator_id)
        .where(SourceOperatorSetting.source_id == source_id, Operator.active)
    )
    weights = {setting.operator_id: setting.weight for setting in settings}
    [operator_id] = choices(list(weights), list(weights.values()))
    return operator_id


@app.post("/interaction", status_code=201, response_model=ReadInteraction)
async def create_interaction(body: CreateInteraction, session: Session) -> Interaction:
    """Find or create the lead, pick the operator, write and commit."""
    lead = await session.scalar(select(Lead).where(Lead.email == body.email))
    if lead is None:
        lead = Lead(uuid=uuid4(), email=body.email)
        session.add(lead)
        await session.flush()
    interaction = Interaction(
        lead_uuid=lead.uuid,
        source_id=body.source_id,
        operator_id=await _pick_operator(session, body.source_id),
        payload=body.payload,
    )
    session.add(interaction)
    await session.commit()
    return interaction
