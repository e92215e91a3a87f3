"""Idempotency keys: a retried inquiry is written once and answered as before."""

import json
from hashlib import sha256
from typing import Any

import httpx
import pytest

from app.main import create_app
from tests.support.api import Api
from tests.support.load import at_once, new_client
from tests.support.problems import read_problem
from tests.support.rows import Rows
from tests.support.server import LiveServer

pytestmark = pytest.mark.both_ways


async def send(
    client: httpx.AsyncClient, source: int, key: bytes = b"key", **fields: Any
) -> httpx.Response:
    """The response to an inquiry under this key."""
    body = {"email": "lead@example.com", "source_id": source, "payload": {"a": 1, "b": [2]}}
    return await client.post(
        "/interaction", json={**body, **fields}, headers={b"Idempotency-Key": key}
    )


def count(rows: Rows, table: str = "interactions") -> int:
    """The number of rows of a table."""
    [(rows_of_table,)] = rows.execute(f"SELECT count(*) FROM {table}")
    return int(rows_of_table)


async def test_same_request_gets_the_same_answer(
    api: Api, client: httpx.AsyncClient, rows: Rows
) -> None:
    """A retry gets the same 201 and body, marked as replayed; nothing is written."""
    source = await api.create_source({await api.create_operator(): 1})

    first = await send(client, source)
    again = [await send(client, source) for _ in range(3)]

    assert 201 == first.status_code
    assert "Idempotent-Replayed" not in first.headers
    for answer in again:
        assert 201 == answer.status_code
        assert first.text == answer.text
        assert first.headers["Location"] == answer.headers["Location"]
        assert "true" == answer.headers["Idempotent-Replayed"]
    assert 1 == count(rows)
    assert 1 == count(rows, "idempotency_keys")


async def test_without_a_key_each_request_is_another_inquiry(api: Api, rows: Rows) -> None:
    """Only a key makes a request a retry."""
    source = await api.create_source()

    await api.post(source)
    await api.post(source)

    assert 2 == count(rows)
    assert 0 == count(rows, "idempotency_keys")


async def test_replay_is_the_first_answer(api: Api, client: httpx.AsyncClient) -> None:
    """It does not change when the interaction is closed or the operators change."""
    operator = await api.create_operator()
    source = await api.create_source({operator: 1})
    first = await send(client, source)
    await api.call("POST", f"{first.headers['Location']}/close")
    await api.call("PATCH", f"/operators/{operator}", json={"active": False})
    await api.set_weights(source, {await api.create_operator("Ivan"): 1})

    again = await send(client, source)

    assert first.text == again.text
    assert "true" == again.headers["Idempotent-Replayed"]


@pytest.mark.parametrize(
    "change",
    [
        {"email": "other@example.com"},
        {"payload": {"a": 2, "b": [2]}},
        {"payload": {"a": True, "b": [2]}},
        {"payload": {"a": 1.0, "b": [2]}},
        {"payload": {"a": "1", "b": [2]}},
        {"payload": {"a": 1, "b": 2}},
        {"payload": {"a": 1}},
        {"payload": None},
    ],
    ids=str,
)
async def test_another_request_under_the_key(
    api: Api, client: httpx.AsyncClient, rows: Rows, change: dict[str, Any]
) -> None:
    """It is refused, and nothing is written; the first request can still be retried."""
    source = await api.create_source()
    first = await send(client, source)
    before = rows.dump()

    refused = await send(client, source, **change)
    again = await send(client, source)

    problem = read_problem(refused, 422, "idempotency_key_reused")
    [error] = problem["errors"]
    assert ("header", "/Idempotency-Key") == (error["in"], error["pointer"])
    assert "Idempotent-Replayed" not in refused.headers
    assert first.text == again.text
    assert before == rows.dump()


@pytest.mark.parametrize(
    "same",
    [
        {"payload": {"b": [2], "a": 1}},
        {"email": "LEAD@Example.COM"},
    ],
    ids=str,
)
async def test_equivalent_request(
    api: Api, client: httpx.AsyncClient, same: dict[str, Any]
) -> None:
    """The order of members and the case of the address do not make another request."""
    source = await api.create_source()
    first = await send(client, source)

    again = await send(client, source, **same)

    assert 201 == again.status_code
    assert first.text == again.text


NUMBERS = ["1", "1.0", "1.00", "1e0", "1E0", "10e-1", "12345678901234567.89", "1e400"]


def numbered(source: int, *members: str) -> dict[str, Any]:
    """An inquiry under a key, with members of the payload as they are written here."""
    payload = f"{{{', '.join(members)}}}"
    content = f'{{"email": "a@b.co", "source_id": {source}, "payload": {payload}}}'
    headers = {"Content-Type": "application/json", "Idempotency-Key": "key"}
    return {"content": content, "headers": headers}


@pytest.mark.parametrize("number", NUMBERS)
async def test_numbers_are_compared_as_they_were_written(
    api: Api, client: httpx.AsyncClient, number: str
) -> None:
    """Another spelling of a number makes another request; the order of members does not."""
    source = await api.create_source()
    first = await client.post("/interaction", **numbered(source, '"a": 2', f'"b": {number}'))

    for other in set(NUMBERS) - {number}:
        refused = await client.post("/interaction", **numbered(source, '"a": 2', f'"b": {other}'))
        read_problem(refused, 422, "idempotency_key_reused")
    again = await client.post("/interaction", **numbered(source, f'"b": {number}', '"a": 2'))

    assert "true" == again.headers["Idempotent-Replayed"]
    assert first.text == again.text


def earlier_fingerprint(email: str, source: int, payload: Any) -> str:
    """The fingerprint, in hexadecimal, from before numbers were compared as they were written."""
    content = [email, source, payload]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize(
    "number", ["1", "1.0", "1.00", "1e2", "-0", "0.1", "12345678901234567.89", "5e-324"]
)
async def test_retry_after_the_upgrade(
    api: Api, client: httpx.AsyncClient, rows: Rows, database_url: str, number: str
) -> None:
    """The retry is replayed, and another request is refused, as before the upgrade."""
    source = await api.create_source()
    first = await client.post("/interaction", **numbered(source, f'"a": [{number}]'))
    stored = earlier_fingerprint("a@b.co", source, {"a": [json.loads(number)]})
    value = f"X'{stored}'" if database_url.startswith("sqlite") else f"decode('{stored}', 'hex')"
    rows.execute(f"UPDATE idempotency_keys SET fingerprint = {value}")

    again = await client.post("/interaction", **numbered(source, f'"a": [{number}]'))
    refused = await client.post("/interaction", **numbered(source, '"a": [7]'))

    assert 201 == again.status_code
    assert "true" == again.headers["Idempotent-Replayed"]
    assert first.text == again.text
    read_problem(refused, 422, "idempotency_key_reused")


async def test_absent_payload_is_null(api: Api, client: httpx.AsyncClient) -> None:
    """An omitted payload and a null one are the same."""
    source = await api.create_source()
    first = await send(client, source, payload=None)
    again = await client.post(
        "/interaction",
        json={"email": "lead@example.com", "source_id": source},
        headers={"Idempotency-Key": "key"},
    )

    assert "true" == again.headers["Idempotent-Replayed"]
    assert first.text == again.text


async def test_key_belongs_to_its_source(api: Api, client: httpx.AsyncClient, rows: Rows) -> None:
    """Two bots that number their inquiries alike do not collide."""
    sources = [await api.create_source() for _ in range(2)]

    answers = [await send(client, source, payload=source) for source in sources]

    assert [201, 201] == [answer.status_code for answer in answers]
    assert not any("Idempotent-Replayed" in answer.headers for answer in answers)
    assert 2 == count(rows)


async def test_keys_differ_in_case(api: Api, client: httpx.AsyncClient) -> None:
    """Keys are compared exactly."""
    source = await api.create_source()

    answers = [await send(client, source, key) for key in (b"key", b"KEY", b"key.")]

    assert 3 == len({answer.json()["id"] for answer in answers})


async def test_twenty_at_once_with_one_key(server: LiveServer, rows: Rows) -> None:
    """One is written; all get its response, and all but one are marked as replayed."""
    async with new_client(server.url) as client:
        source = await Api(client).create_source()
        for turn in range(5):
            answers = await at_once(send(client, source, b"key%d" % turn) for _ in range(20))

            assert {201} == {answer.status_code for answer in answers}
            assert 1 == len({(answer.text, answer.headers["Location"]) for answer in answers})
            assert 19 == sum("Idempotent-Replayed" in answer.headers for answer in answers)

    assert 5 == count(rows)
    assert 5 == count(rows, "idempotency_keys")


async def test_different_requests_at_once_with_one_key(server: LiveServer, rows: Rows) -> None:
    """The first is written; the others are refused, in the same transaction or not."""
    async with new_client(server.url) as client:
        source = await Api(client).create_source()
        answers = await at_once(send(client, source, payload=number) for number in range(20))

    statuses = [answer.status_code for answer in answers]
    assert [201, *[422] * 19] == sorted(statuses)
    assert [(str(statuses.index(201)),)] == rows.execute(
        "SELECT payload FROM interactions"
    ).fetchall()


async def test_unknown_source_leaves_the_key_free(
    api: Api, client: httpx.AsyncClient, rows: Rows
) -> None:
    """A refused inquiry uses no key; once the source exists, the same request is accepted."""
    refused = await send(client, 1)
    left = [count(rows, table) for table in ("leads", "interactions", "idempotency_keys")]
    source = await api.create_source()
    accepted = await send(client, source)

    read_problem(refused, 404, "source_not_found")
    assert [0, 0, 0] == left
    assert 1 == source
    assert 201 == accepted.status_code
    assert "Idempotent-Replayed" not in accepted.headers


@pytest.mark.parametrize(
    "key", [b"!", b"~", b"k" * 255, b'Aa0-_.:/"\\#'], ids=["first", "last", "longest", "signs"]
)
async def test_valid_key(api: Api, client: httpx.AsyncClient, key: bytes) -> None:
    """1 to 255 visible ASCII characters."""
    source = await api.create_source()

    answers = [await send(client, source, key) for _ in range(2)]

    assert [201, 201] == [answer.status_code for answer in answers]
    assert "true" == answers[1].headers["Idempotent-Replayed"]


@pytest.mark.parametrize(
    "key",
    [b"", b"k" * 256, b"a b", b"a\tb", "\u043a".encode(), b"\xff", b"a\x7f"],
    ids=["empty", "too long", "space", "tab", "Cyrillic", "Latin-1", "DEL"],
)
async def test_invalid_key(api: Api, client: httpx.AsyncClient, rows: Rows, key: bytes) -> None:
    """Any other key is refused with 422, and nothing is written."""
    source = await api.create_source()

    refused = await send(client, source, key)

    problem = read_problem(refused, 422, "invalid_request")
    assert ["header"] == [error["in"] for error in problem["errors"]]
    assert 0 == count(rows)


async def test_two_keys_are_refused(api: Api, client: httpx.AsyncClient) -> None:
    """The service does not choose between two keys; nothing is written."""
    source = await api.create_source()

    response = await client.post(
        "/interaction",
        json={"email": "lead@example.com", "source_id": source},
        headers=[("Idempotency-Key", "one"), ("Idempotency-Key", "two")],
    )

    read_problem(response, 422, "invalid_request")
    assert [] == await api.call("GET", "/interactions")


def test_key_is_documented() -> None:
    """The OpenAPI document has the header, the headers of the response, and the code."""
    document = create_app().openapi()
    operation = document["paths"]["/interaction"]["post"]
    [parameter] = operation["parameters"]
    answer = operation["responses"]["201"]
    shared = operation["responses"]["422"]["$ref"].rpartition("/")[2]
    refused = document["components"]["responses"][shared]

    assert ("Idempotency-Key", "header") == (parameter["name"], parameter["in"])
    assert not parameter.get("required", False)
    assert {"Location", "Idempotent-Replayed"} <= answer["headers"].keys()
    assert "idempotency_key_reused" in refused["description"]
