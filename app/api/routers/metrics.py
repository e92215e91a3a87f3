"""Metrics for Prometheus. Not in the OpenAPI document, as they are not for API clients."""

import asyncio
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from sqlalchemy.exc import DBAPIError

from app.api.dependencies import database_of
from app.core.errors import ServiceError
from app.core.metrics import exposition
from app.services.gauges import Gauges, read_gauges

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def expose_metrics(request: Request) -> Response:
    """All counters, and the current queue lengths and loads."""
    gauges = None
    try:
        async with database_of(request).reading() as session:
            gauges = await read_gauges(session)
    except (ServiceError, DBAPIError):
        # The other metrics do not need the database.
        pass
    metrics = [*_metrics(gauges), *_log_metrics(database_of(request).log_bytes())]
    body = await asyncio.to_thread(exposition, metrics)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _metrics(gauges: Gauges | None) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "database_up", "Whether the database could be read.", value=gauges is not None
    )
    if gauges is None:
        return
    waiting = GaugeMetricFamily(
        "waiting_interactions",
        "Interactions waiting for an operator, by source.",
        labels=["source_id"],
    )
    for source_id, length in gauges.queues.items():
        waiting.add_metric([str(source_id)], length)
    load = GaugeMetricFamily(
        "operator_load", "Active interactions of an operator.", labels=["operator_id"]
    )
    limit = GaugeMetricFamily(
        "operator_load_limit", "The operator's load limit, if it has one.", labels=["operator_id"]
    )
    for operator in gauges.operators:
        load.add_metric([str(operator.id)], operator.load)
        if operator.load_limit is not None:
            limit.add_metric([str(operator.id)], operator.load_limit)
    yield from (waiting, load, limit)


def _log_metrics(log_bytes: int | None) -> Iterator[Metric]:
    if log_bytes is not None:
        yield GaugeMetricFamily(
            "sqlite_wal_bytes", "Size of SQLite's write-ahead log.", value=log_bytes
        )
