"""The fast path and FastAPI give the same answer to the same bytes."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.core.config import Settings
from tests.support.api import Api
from tests.support.application import application
from tests.support.load import new_client
from tests.support.metrics import parse
from tests.support.raw import chunked, exchange, post
from tests.support.server import LiveServer, run_server

pytest.importorskip("hypothesis", reason="needs tests/requirements.txt")
from hypothesis import HealthCheck, Phase, given, settings, strategies

EXAMPLES = 400
LEAD = "00000000-0000-0000-0000-000000000000"
"""Stands in a request for the UUID of a lead, which differs between the two ways."""
_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIFFERS = re.compile(
    rb"(?m)^date: .*\r\n|^x-request-id: [0-9a-f]{32}\r$"
    rb'|"request_id":"[0-9a-f]{32}"|[0-9T:.-]{19,}Z'
)
"""What differs between two answers to the same request."""
_OWN_ID = "request-of-the-test-itself"
"""The id of requests that are not compared."""

_emails = strategies.sampled_from(
    [
        "lead@example.com",
        " Lead@EXAMPLE.com\n",
        "other.lead@example.org",
        "\u00fcml\u00e4ut@ex\u00e4mple.de",
        "a..b@docomo.ne.jp",
        "no address",
        "a@localhost",
        "",
        None,
        7,
    ]
)
_source_ids = strategies.sampled_from([1, 1, 1, 2, 99, 0, -1, 1.0, True, "1", None, 2**63, 10**30])
_payloads = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=True, allow_infinity=True)
    | strategies.text(max_size=20),
    lambda items: (
        strategies.lists(items, max_size=4)
        | strategies.dictionaries(strategies.text(max_size=5), items, max_size=4)
    ),
    max_leaves=10,
)
_inquiries = strategies.fixed_dictionaries(
    {"email": _emails, "source_id": _source_ids},
    optional={"payload": _payloads, "unknown": strategies.just(1)},
)
_valid = strategies.fixed_dictionaries(
    {"email": strategies.just("lead@example.com"), "source_id": strategies.just(1)},
    optional={"payload": _payloads},
)
_odd_bodies = strategies.sampled_from(
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"email": "lead@example.com", "source_id": 1} {}',
        b'{"email": "lead@example.com", "source_id": 1, "source_id": 1}',
        b'{"email": "lead@example.com", "source_id": 1, "payload": 1e400}',
        b'{"email": "lead@example.com", "source_id": 1, "payload": [-0, 1.00, 1E5]}',
        b'{"email": "lead@example.com", "source_id": 1, "payload": NaN}',
        b'{"email": "lead@example.com", "source_id": -0}',
        b'{"email": "lead@example.com", "source_id": 1, "payload": "\\ud800"}',
        b'{"email": "lead@example.com", "source_id": 1, "payload": "\\u0000"}',
        b'{"email": "lead@example.com", "source_id": 1, "payload": "\xff"}',
        b'{"email": "lead@example.com", "source_id": 1, "payload": %b}' % (b"[" * 40 + b"]" * 40),
        b'{"email": "lead@example.com", "source_id": 1, "payload": %b}' % (b"[" * 5_000),
    ]
)
_encodings = strategies.sampled_from(
    ["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32-be", "latin-1"]
)


def _encode(inquiry: object, encoding: str) -> bytes:
    return json.dumps(inquiry, ensure_ascii=False).encode(encoding, "replace")


_bodies = (
    strategies.builds(_encode, _valid, strategies.just("utf-8"))
    | strategies.builds(_encode, _inquiries, _encodings)
    | _odd_bodies
)
_content_types = strategies.sampled_from(
    [
        *[["Content-Type: application/json"]] * 6,
        ["content-type: Application/JSON"],
        ["Content-Type: application/json; charset=utf-8"],
        ["Content-Type: application/json; charset=latin-1"],
        ["Content-Type: application/problem+json"],
        ["Content-Type: text/plain"],
        ["Content-Type: "],
        ["Content-Type: application/json", "Content-Type: application/json"],
        ["Content-Type: application/json", "Content-Type: text/plain"],
        [],
    ]
)
_headers = strategies.lists(
    strategies.sampled_from(
        [
            "Idempotency-Key: one",
            "Idempotency-Key: two",
            "idempotency-key: one",
            "Idempotency-Key: ",
            "Idempotency-Key: with space",
            "Idempotency-Key: \u00e9",
            f"Idempotency-Key: {'x' * 256}",
            "X-Request-ID: of-the-proxy",
            "X-Request-ID: short",
            "X-Request-ID: second-of-the-proxy",
            "Content-Encoding: identity",
            "Content-Encoding: gzip",
            "Content-Encoding: ",
            "Accept: text/html",
            "Accept-Encoding: gzip",
            "Cookie: a=b",
            "Expect: 100-continue",
            "Upgrade: h2c",
            "Origin: https://example.com",
            "Range: bytes=0-1",
            "If-None-Match: *",
        ]
    ),
    max_size=3,
)
_framings = strategies.sampled_from(["length", "length", "length", "chunked", "none", "too long"])
_targets = strategies.sampled_from(
    [
        *["POST /interaction"] * 16,
        "POST /interaction?",
        "POST /interaction?source_id=1",
        "POST /interaction/",
        "POST //interaction",
        "POST /%69nteraction",
        "POST /Interaction",
        "PUT /interaction",
        "post /interaction",
        "GET /interaction",
        "OPTIONS /interaction",
        *[f"GET /leads/{LEAD}/interactions"] * 4,
        f"HEAD /leads/{LEAD}/interactions",
        f"POST /leads/{LEAD}/interactions",
        f"GET /leads/{LEAD}/interactions?limit=1",
        f"GET /leads/{LEAD}/interactions?limit=1&limit=1",
        f"GET /leads/{LEAD}/interactions?after=x",
        f"GET /leads/%7B{LEAD}%7D/interactions",
        f"GET /leads/{LEAD}/interactions/",
        "GET /leads/5F0C7B0E-6A34-4A0B-9D0F-3D1B7B7F2C11/interactions",
        "GET /leads/5f0c7b0e-6a34-4a0b-9d0f-3d1b7b7f2c11/interactions",
        "GET /leads/5f0c7b0e6a344a0b9d0f3d1b7b7f2c11/interactions",
        "GET /leads/maria/interactions",
    ]
)


def _request(
    target: str, content_type: list[str], headers: list[str], framing: str, body: bytes
) -> bytes:
    lines = [f"{target} HTTP/1.1", "Host: test", "Connection: close"]
    lines += content_type + headers
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        body = chunked(body, size=7)
    elif framing == "too long":
        lines.append("Content-Length: 99999999")
    elif framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    else:
        body = b""
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1") + body


_almost_plain = strategies.builds(
    _request,
    strategies.just("POST /interaction"),
    strategies.just(["Content-Type: application/json"]),
    _headers,
    strategies.just("length"),
    strategies.builds(_encode, _valid, strategies.just("utf-8")),
)
_requests = _almost_plain | strategies.builds(
    _request, _targets, _content_types, _headers, _framings, _bodies
)


class Seen(NamedTuple):
    """What a client and an admin see of a series of requests."""

    answers: list[bytes]
    lines: list[dict[str, object]]
    """Without times and ids that the service chose."""
    counts: dict[tuple[str, ...], float]
    """The number of requests by route, method and status."""


@pytest.fixture(scope="module")
def requests() -> list[bytes]:
    """Requests of all kinds, most of which are almost plain."""
    made: list[bytes] = []

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_requests)
    def make(request: bytes) -> None:
        made.append(request)

    make()
    return made


async def test_same_answers_and_same_traces(
    requests: list[bytes],
    template: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status, headers, body, log line and metrics are the same on either path."""
    seen = [
        await _seen(requests, Path(shutil.copy(template, tmp_path / name)), name, capsys)
        for name in ("fast", "full")
    ]

    fast, full = seen
    for request, answer, expected in zip(requests, fast.answers, full.answers, strict=True):
        assert expected == answer, request[:2000]
    assert full.lines == fast.lines
    assert full.counts == fast.counts
    # Both kinds of plain requests were among them.
    assert sum(answer.startswith(b"HTTP/1.1 201") for answer in fast.answers) > EXAMPLES / 20
    assert sum(answer.startswith(b"HTTP/1.1 200") for answer in fast.answers) > EXAMPLES / 50


async def _seen(
    requests: Sequence[bytes], path: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> Seen:
    async with _served(path, way) as (server, client):
        lead = await _set_up(client)
        before = await _counts(client)
        answers = [
            _comparable(await _answer(server, request.replace(LEAD.encode(), lead.encode())))
            for request in requests
        ]
        after = await _counts(client)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return Seen(
        answers,
        [_comparable_line(line) for line in lines if line.get("request_id") != _OWN_ID],
        {key: after[key] - before.get(key, 0) for key in after if "/metrics" not in key},
    )


@asynccontextmanager
async def _served(path: Path, way: str) -> AsyncIterator[tuple[LiveServer, httpx.AsyncClient]]:
    in_json = Settings(_env_file=None, database_url=f"sqlite:///{path}", log_format="json")
    async with (
        run_server(application(in_json, fast_path=way == "fast")) as server,
        new_client(server.url) as client,
    ):
        client.headers["X-Request-ID"] = _OWN_ID
        yield server, client


async def _set_up(client: httpx.AsyncClient) -> str:
    """Create two sources, one of them without operators; return the UUID of a lead."""
    api = Api(client)
    source = await api.create_source({await api.create_operator(): 1})
    await api.create_source()
    created = await api.post(source, "lead@example.com", payload={"text": "Hello"})
    return str(created["lead_uuid"])


async def _counts(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    samples = parse((await client.get("/metrics")).text)
    counted = "http_request_duration_seconds_count"
    return {key: value for key, value in samples.items() if key[0] == counted}


async def _answer(server: LiveServer, request: bytes) -> bytes:
    """All that the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()


def _comparable(answer: bytes) -> bytes:
    return _UUID.sub(LEAD.encode(), _DIFFERS.sub(b"", answer))


def _comparable_line(line: dict[str, object]) -> dict[str, object]:
    chosen = re.fullmatch("[0-9a-f]{32}", str(line.get("request_id")))
    left_out = {"timestamp", "ms"} | ({"request_id"} if chosen else set())
    return {name: value for name, value in line.items() if name not in left_out}


async def test_chunked_body_over_the_limit(template: Path, tmp_path: Path) -> None:
    """A body whose length is not announced is limited on the fast path, too."""
    async with run_server(application(_limited(template, tmp_path))) as server:
        response = await exchange(
            server, post("/interaction", chunked(_LARGE), "Transfer-Encoding: chunked")
        )

    assert 413 == response.status_code


async def test_body_over_the_limit_behind_a_smaller_length(template: Path, tmp_path: Path) -> None:
    """A server that accepts both framings, as h11 does, limits no body by its announced length."""
    app = application(_limited(template, tmp_path))
    headers = {
        "Content-Type": "application/json",
        "Content-Length": "5",
        "Transfer-Encoding": "chunked",
    }
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        response = await client.post("/interaction", content=_LARGE, headers=headers)

    assert 413 == response.status_code


_LARGE = json.dumps({"email": "a@example.com", "source_id": 1, "payload": "x" * 2000}).encode()


def _limited(template: Path, tmp_path: Path) -> Settings:
    path = Path(shutil.copy(template, tmp_path / "test.db"))
    return Settings(_env_file=None, database_url=f"sqlite:///{path}", max_body_bytes=1024)
