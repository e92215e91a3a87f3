"""Traces: for whoever has set up a provider, and with nobody's data in them."""

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
    """A provider in this process' environment, and what it was given."""
    exporter = memory.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    # The library lets nobody set a provider twice, which each test has to.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


async def ask(app: FastAPI) -> list[int]:
    """The answers to requests that are full of what shall not be told."""
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
    """Each request is a span named by its template, with what the service did in it."""
    await ask(create_app(settings))

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


async def test_traces_have_nobodys_data(
    settings: Settings,
    scene: None,
    spans: Any,
) -> None:
    """No path, query, host, header or body that was sent, and no message of an error."""
    await ask(create_app(settings))

    told = [span.to_json() for span in spans.get_finished_spans()]
    assert told
    assert [] == [span for span in told if CANARY in span]


async def test_nothing_is_traced_unasked(
    settings: Settings, scene: None, request: pytest.FixtureRequest
) -> None:
    """Who sets no provider before the service is made does not pay for one."""
    app = create_app(settings)
    spans = request.getfixturevalue("spans")

    assert [201, 422, 422, 404, 405, 200] == await ask(app)
    assert () == spans.get_finished_spans()
