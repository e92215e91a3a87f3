"""Metrics for Prometheus: counters and durations of this process, or of several together.

With `PROMETHEUS_MULTIPROC_DIR` set, each process keeps its metrics in a file in that folder, and
exposes the metrics of all processes that share it.
"""

import os
from collections import Counter as Tallies
from collections.abc import Iterable
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.core.distribution import Reason

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here

_registry = CollectorRegistry()
_requests = Histogram(
    "http_request_duration_seconds",
    "Duration of requests by route, method and status.",
    ["route", "method", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=_registry,
)
_batch_size = Histogram(
    "intake_batch_inquiries",
    "Inquiries per transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    registry=_registry,
)
_transaction = Histogram(
    "intake_transaction_seconds",
    "Duration of a transaction, its sync to disk included.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=_registry,
)
_commit = Histogram(
    "intake_commit_seconds",
    "Duration of a COMMIT, its sync to disk included.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5),
    registry=_registry,
)
_assignments = Counter(
    "assignments",
    "Interactions assigned or queued, by source and reason.",
    ["source_id", "reason"],
    registry=_registry,
)
INTAKE_QUEUE_DEPTH = Gauge(
    "intake_queue_depth",
    "Inquiries pending for a transaction, sampled every second.",
    multiprocess_mode="livesum",
    registry=_registry,
)


@cache
def _requests_of(route: str, method: str, status: int) -> Histogram:
    # Cached: finding the series in the library took longer than counting.
    return _requests.labels(route, method, str(status))


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request; pass only known routes and methods, as each creates a time series."""
    _requests_of(route, method, status).observe(seconds)


def count_batch(size: int, seconds: float, commit_seconds: float) -> None:
    """Count a transaction of `size` inquiries, with its duration and that of its COMMIT."""
    _batch_size.observe(size)
    _transaction.observe(seconds)
    _commit.observe(commit_seconds)


def count_assignments(moves: Tallies[tuple[int, Reason]]) -> None:
    """Count committed assignments, by source and reason."""
    for (source_id, reason), times in moves.items():
        _assignments.labels(source_id, reason).inc(times)


class _Read(Collector):
    """Metrics that were read for one scrape."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(read: Iterable[Metric]) -> bytes:
    """All metrics in Prometheus' text format, including those read for this scrape."""
    return generate_latest(_source()) + generate_latest(_Read(read))


def _source() -> Collector:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        return MultiProcessCollector(None)  # type: ignore[no-untyped-call]  # it has no types
    return _registry


# Memory, CPU time and open files: of several processes, a scrape would show only one.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    ProcessCollector(registry=_registry)
