"""Traces: only if a provider is configured, and without any client's data."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace

from app.core.config import Settings
from app.main import create_app
from tests.api.conftest import CANARY

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs tests/requirements.txt")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A configured provider, and the spans that it received."""
    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    # The library allows a provider to be set only once, but each test sets its own.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


async def send_canaries(app: FastAPI) -> list[int]:
    """The status codes of requests full of data that must not be traced."""
    headers = {"Host": CANARY, "User-Agent": CANARY, "baggage": f"email={CANARY}"}
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
    ):
        inquiry = {"email": f"{CANARY}@example.com", "source_id": 1, "payload": CANARY}
        answers = [
            await client.post("/interaction", json=inquiry, headers={"Idempotency-Key": CANARY}),
            await client.post("/interaction", json={**inquiry, "email": CANARY}),
            await client.get(f"/leads/{CANARY}", params={"email": CANARY}),
            await client.get(f"/{CANARY}"),
            await client.request(CANARY, "/healthz"),
            await client.get("/operators"),
        ]
    return [answer.status_code for answer in answers]


async def test_requests_are_traced(settings: Settings, scene: None, spans: Any) -> None:
    """Each request is a span named by its template, with the service's work inside it."""
    await send_canaries(create_app(settings))

    requests = [span for span in spans.get_finished_spans() if span.parent is None]
    assert [
        ("POST /interaction", 201),
        ("POST /interaction", 422),
        ("GET /leads/{lead_uuid}", 422),
        ("GET", 404),
        ("HTTP /healthz", 405),
        ("GET /operators", 200),
    ] == [(span.name, span.attributes["http.response.status_code"]) for span in requests]
    inner = {span.name for span in spans.get_finished_spans() if span.parent is not None}
    assert {"fastapi.dependencies", "fastapi.endpoint"} <= inner


async def test_traces_have_no_client_data(
    settings: Settings,
    scene: None,
    spans: Any,
) -> None:
    """No path, query, host, header or body that was sent, and no message of an error."""
    await send_canaries(create_app(settings))

    exported = [span.to_json() for span in spans.get_finished_spans()]
    assert exported
    assert [] == [span for span in exported if CANARY in span]


async def test_nothing_is_traced_without_a_provider(
    settings: Settings, scene: None, request: pytest.FixtureRequest
) -> None:
    """Without a provider when the application is created, requests are not traced."""
    app = create_app(settings)
    spans = request.getfixturevalue("spans")

    assert [201, 422, 422, 404, 405, 200] == await send_canaries(app)
    assert () == spans.get_finished_spans()
