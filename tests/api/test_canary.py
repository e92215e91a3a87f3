"""No client's data is in anything that the service prints, whether requests succeed or fail."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import CANARY
from tests.support.command import PYTHON_APP, UVICORN, running_command

EMAIL = f"{CANARY}@example.com"
INQUIRY = {"email": EMAIL, "source_id": 1, "payload": {CANARY: [CANARY]}}
HEADERS = {
    "User-Agent": CANARY,
    "Referer": f"http://{CANARY}/",
    "Authorization": f"Bearer {CANARY}",
    "Cookie": f"session={CANARY}",
    "X-Request-ID": EMAIL,
    "X-Forwarded-For": CANARY,
    "traceparent": CANARY,
    "baggage": f"email={CANARY}",
}
RAW = [
    f"GET /{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nX: {'x' * 40_000}\r\nConnection: close\r\n\r\n",
    f"GET /{CANARY} HTTP/1.1\r\nHost: {CANARY}\nConnection: close\r\n\r\n",
    f"{CANARY} /{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nConnection: close\r\n\r\n",
    f"GET /{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nUpgrade: {CANARY}\r\nConnection: close\r\n\r\n",
    f"{CANARY}\r\n\r\n",
]
DAMAGE = {
    "an operator's limit is text": f"UPDATE operators SET load_limit = '{CANARY}'",
    "a lead's time is none": f"UPDATE leads SET created_at = '{CANARY}'",
    "a payload is no JSON": f"UPDATE interactions SET payload = '{CANARY}'",
    "a table is missing": "ALTER TABLE idempotency_keys RENAME TO gone",
}


def valid(client: httpx.Client) -> Iterator[int]:
    """The status codes of valid requests."""
    yield client.post("/operators", json={"name": CANARY, "load_limit": 5}).status_code
    yield client.post("/sources", json={"description": CANARY}).status_code
    weights = [{"operator_id": 1, "weight": 1}]
    yield client.put("/sources/1/operators", json=weights).status_code
    key = {"Idempotency-Key": CANARY}
    yield client.post("/interaction", json=INQUIRY, headers=key).status_code
    yield client.post("/interaction", json=INQUIRY, headers=key).status_code
    yield client.post("/leads/search", json={"email": EMAIL}).status_code
    yield client.get("/interactions", params={"waiting": "false"}).status_code
    yield client.get("/operators").status_code


def invalid(client: httpx.Client) -> Iterator[int]:
    """The status codes of invalid requests."""
    key = {"Idempotency-Key": CANARY}
    for body in (
        {**INQUIRY, "payload": None},
        {**INQUIRY, "email": CANARY},
        {**INQUIRY, "source_id": CANARY},
        {**INQUIRY, "source_id": 99},
        {**INQUIRY, CANARY: CANARY},
        {**INQUIRY, "payload": CANARY + "\0"},
        CANARY,
    ):
        yield client.post("/interaction", json=body, headers=key).status_code
    for content, kind in (
        (f'{{"email": "{EMAIL}"', "application/json"),
        (json.dumps(INQUIRY), f"text/{CANARY}"),
        (CANARY * 10_000, "application/json"),
    ):
        yield client.post(
            "/interaction", content=content, headers={"Content-Type": kind}
        ).status_code
    yield client.post(
        "/interaction", json=INQUIRY, headers={"Idempotency-Key": f"{CANARY} {CANARY}"}
    ).status_code
    for path in (
        f"/{EMAIL}",
        f"/leads/{EMAIL}",
        f"/interactions/{CANARY}",
        f"/docs/assets/{CANARY}",
    ):
        yield client.get(path, params={"q": EMAIL}).status_code
    yield client.get("/interactions", params={"operator_id": CANARY, CANARY: "1"}).status_code
    yield client.request("DELETE", f"/operators/{CANARY}").status_code


def failing(client: httpx.Client, path: Path) -> Iterator[int]:
    """The status codes of requests that meet unreadable rows, or a locked database."""
    with closing(sqlite3.connect(path)) as rows:
        [uuid] = rows.execute("SELECT uuid FROM leads").fetchone()
        for statement in DAMAGE.values():
            rows.execute(statement)
        rows.commit()
        yield client.get("/operators").status_code
        yield client.post("/leads/search", json={"email": EMAIL}).status_code
        yield client.get(f"/leads/{uuid}/interactions").status_code
        yield client.get("/interactions").status_code
        yield client.post(
            "/interaction", json=INQUIRY, headers={"Idempotency-Key": CANARY}
        ).status_code
        rows.execute("BEGIN IMMEDIATE")
        yield client.post("/interaction", json=INQUIRY).status_code
        yield client.patch("/operators/1", json={"name": CANARY}).status_code
        rows.rollback()


def send_raw(port: int) -> None:
    """Send malformed requests."""
    for request in RAW:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request.encode())
            while connection.recv(65536):
                pass


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("start", "format"), [((*PYTHON_APP, "serve"), "human"), (UVICORN, "json")]
)
def test_nothing_that_was_sent_is_printed(
    start: tuple[str, ...], format: str, tmp_path: Path, template: Path
) -> None:
    """With valid and invalid requests, headers and paths, and with unreadable rows."""
    path = tmp_path / "leads.db"
    path.write_bytes(template.read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running_command(
        *start, "--port", str(port), folder=tmp_path, LOG_FORMAT=format
    ) as process:
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(
            transport=transport,
            base_url=f"http://127.0.0.1:{port}",
            headers=HEADERS,
            trust_env=False,
            timeout=30,
        ) as client:
            taken = list(valid(client))
            metrics = client.get("/metrics").text
            refused = list(invalid(client))
            failed = list(failing(client, path))
            send_raw(port)
            metrics += client.get("/metrics").text
        process.terminate()
        output, errors = process.communicate(timeout=60)

    assert {200, 201} == set(taken)
    assert {400, 404, 405, 413, 415, 422} == set(refused)
    # Lists omit unreadable rows; a request for such a row, or its replay, fails.
    assert {200, 500, 503} == set(failed)
    assert 3 <= failed.count(500)
    assert CANARY not in output + errors + metrics
    logged = [line for line in errors.splitlines() if "status" in line and "request" in line]
    assert len(taken + refused + failed) <= len(logged)
    assert 3 <= errors.count("Traceback")
