"""The application: `uvicorn app.main:app`. Wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import __version__
from app.api.docs import DESCRIPTION, TAGS, install_docs
from app.api.errors import install_error_handlers
from app.api.fast_path import FastPath
from app.api.middleware import RequestMiddleware
from app.api.routers import health, interactions, leads, metrics, operators, sources, stats
from app.api.startup_message import StartupMessageMiddleware
from app.api.telemetry import telemetry
from app.background.stalled_queues import assigning_stalled_queues
from app.core.config import Settings
from app.core.gc_tuning import tuned_gc
from app.core.logging import Log
from app.core.metrics import INTAKE_QUEUE_DEPTH
from app.core.sampling import sampling
from app.core.service_manager import notify_ready
from app.core.startup import begin
from app.db.database import Database
from app.services.intake import Intake
from app.services.preview import Previews

DRAIN_TIMEOUT = 10
"""Seconds that pending inquiries have to be written at shutdown."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application with these settings, by default those of the environment."""
    settings = settings or begin()
    log = Log(settings.log_format, settings.log_level)
    traces = telemetry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings: Settings = app.state.settings
        database = Database(settings.database_url, readers=settings.database_readers)
        async with log.installed(), database.serving():
            intake = Intake(database, capacity=settings.intake_capacity)
            app.state.database, app.state.intake = database, intake
            app.state.previews = Previews(database)
            async with (
                assigning_stalled_queues(database),
                sampling(intake.queue_depth, INTAKE_QUEUE_DEPTH.set),
            ):
                with tuned_gc():
                    notify_ready()
                    yield
                    await intake.drain(DRAIN_TIMEOUT)

    app = FastAPI(
        title="Lead distribution",
        summary="Receives inquiries from bots and assigns each to an operator.",
        description=DESCRIPTION,
        servers=[{"url": "/"}],
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=TAGS,
        generate_unique_id_function=lambda route: route.name,
        telemetry=traces,
    )
    app.state.settings = settings
    # The middleware added last is the outermost.
    if not traces["tracing"]:
        app.add_middleware(FastPath)
    app.add_middleware(RequestMiddleware, log=log, max_body_bytes=settings.max_body_bytes)
    app.add_middleware(StartupMessageMiddleware)
    install_error_handlers(app)
    for resource in (interactions, leads, operators, sources, stats, health, metrics):
        app.include_router(resource.router)
    install_docs(app)
    return app


app = create_app()
