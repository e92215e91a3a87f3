"""Health: liveness and readiness probes."""

from fastapi import APIRouter, Request

from app.api.dependencies import database_of
from app.api.errors import ANY_ERRORS, problems
from app.core.errors import DatabaseUnavailable, SchemaOutdated
from app.schemas import ReadHealth

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=problems(*ANY_ERRORS))
async def check_health() -> ReadHealth:
    """Check whether the process is up."""
    return ReadHealth()


@router.get("/readyz", responses=problems(DatabaseUnavailable, SchemaOutdated, *ANY_ERRORS))
async def check_readiness(request: Request) -> ReadHealth:
    """Check whether the database responds and its schema is current."""
    await database_of(request).require_current_schema()
    return ReadHealth()
