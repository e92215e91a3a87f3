"""A payload is returned as it was sent, in every response."""

from typing import Any

import httpx
import pytest

from app.crud import InteractionCRUD
from app.db.database import Database
from app.models import Interaction
from app.schemas import ReadInteraction
from tests.support.api import Api
from tests.support.kinds import only_sqlite
from tests.support.rows import Rows

pytestmark = pytest.mark.both_ways

PAYLOADS = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "-0",
    "-0.0",
    "1.0",
    "1.00",
    "0.1",
    "1e2",
    "1e5",
    "1E+5",
    "5e-324",
    "1e-400",
    "1E400",
    "-1e999",
    "1.7976931348623157e308",
    "9007199254740993",
    "12345678901234567.89",
    "0.123456789012345678",
    "12345678901234567890123",
    "-" + "9" * 5000,
    "0." + "3" * 5000,
    '""',
    '"1.0"',
    '"null"',
    '" 12 "',
    '"\\u0007\\n\\t\\"\\\\"',
    '"\u0416\U0001f600\u2028e\u0301\u00e9\x7f"',
    '["\\\\u0000",1.00,"\\\\"]',
    "[]",
    "{}",
    "[[],{},null,[null]]",
    '{"":"","z":1,"a":{"10":[1.0,2,"3",1.10],"9":true}}',
    '{"\\"":1e400,"1e400":"1e400"}',
    "[" * 32 + "]" * 32,
    "[" * 32 + "1E1" + "]" * 32,
    '{"a":' * 32 + "null" + "}" * 32,
]
"""In their shortest form."""
LEAD = "11111111111111111111111111111111"
WRITTEN_BEFORE = [
    ('{"a": [1.0, 2], "b": "\u0416"}', {"a": [1.0, 2], "b": "\u0416"}),
    (' "text" ', "text"),
    ('{"a":1e+16}', {"a": 1e16}),
]
"""Texts that a database may already hold, and their values."""


async def test_payload_is_returned_unchanged(
    api: Api, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    """Numbers digit for digit, texts, and the order of names, in every kind of response."""
    first, second = [await api.create_operator() for _ in range(2)]
    source = await api.create_source({first: 1, second: 1})
    for number, payload in enumerate(PAYLOADS, start=1):
        email, path = f"lead{number}@example.com", f"/interactions/{number}"
        content = f'{{"email": "{email}", "source_id": {source}, "payload": {payload}}}'
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(number)}
        with subtests.test(payload=payload[:24]):
            created, replayed = [
                await client.post("/interaction", content=content, headers=headers)
                for _ in range(2)
            ]
            lead = (await api.call("POST", "/leads/search", json={"email": email}))["uuid"]
            answers = [
                created,
                replayed,
                await client.get(path),
                await client.get(f"/interactions?after={number - 1}"),
                await client.get(f"/leads/{lead}/interactions"),
                await client.post(f"{path}/assign", json={}),
                await client.post(f"{path}/close"),
            ]

            assert [201, 201, *[200] * 5] == [answer.status_code for answer in answers]
            assert "true" == replayed.headers["Idempotent-Replayed"]
            for answer in answers:
                assert "application/json" == answer.headers["Content-Type"]
                assert f'"payload":{payload},' in answer.text


async def test_answers_follow_the_schema(api: Api, client: httpx.AsyncClient) -> None:
    """The service builds them itself, byte for byte as pydantic would."""
    source = await api.create_source({await api.create_operator(): 1})
    await api.post(source, payload={"text": "Still free?", "numbers": [1, 1.5, None], "b": True})
    await api.post(source)
    await api.post(await api.create_source(), payload="waits")
    await api.close(1)

    answers = [(await client.get(f"/interactions/{id}")).text for id in (1, 2, 3)]

    for answer in answers:
        assert ReadInteraction.model_validate_json(answer).model_dump_json() == answer
    assert f"[{','.join(answers)}]" == (await client.get("/interactions")).text


async def test_a_whole_second_is_written_as_by_pydantic(
    client: httpx.AsyncClient, rows: Rows, scene: None
) -> None:
    """It has no fraction."""
    rows.execute("UPDATE interactions SET created_at = '2026-01-02 03:04:05.000000'")

    answer = await client.get("/interactions/1")

    assert '"created_at":"2026-01-02T03:04:05Z","closed_at":null}' in answer.text


@pytest.mark.parametrize(("text", "value"), WRITTEN_BEFORE, ids=repr)
async def test_what_is_stored_already_is_read(
    client: httpx.AsyncClient, rows: Rows, scene: None, text: str, value: Any
) -> None:
    """Stored text may have any spacing."""
    rows.execute("UPDATE interactions SET payload = ?", [text])

    for path in ("/interactions/1", "/interactions"):
        answer = (await client.get(path)).json()
        interaction = answer[0] if isinstance(answer, list) else answer
        assert value == interaction["payload"]


@only_sqlite
@pytest.mark.parametrize("text", ["[NaN", "[NaN]", "", "{'a': 1}", "canary7f3a"])
async def test_damaged_payload_is_one_error(
    api: Api, rows: Rows, scene: None, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """A payload damaged by another program does not keep other rows from being read."""
    lead = (await api.call("GET", "/interactions/1"))["lead_uuid"]
    await api.post(1, "known@example.com", payload="sound")
    rows.execute("UPDATE interactions SET payload = ? WHERE id = 1", [text])

    listed = await api.call("GET", "/interactions")
    of_lead = await api.call("GET", f"/leads/{lead}/interactions")
    alone = await api.call("GET", "/interactions/1")
    closed = await api.close(1)

    assert [None, "sound"] == [each["payload"] for each in listed]
    assert listed == of_lead
    assert listed[0] == alone
    assert closed["payload"] is None
    assert 4 == caplog.text.count("interaction 1: the payload is not valid JSON")
    assert not text or text not in caplog.text


async def test_python_has_plain_values(database: Database, rows: Rows, scene: None) -> None:
    """Repositories take and return plain values; exact numbers become the nearest ones."""
    value = {"a": 1.5, "b": ["\u0416"]}
    rows.executescript(
        "INSERT INTO interactions (id, lead_uuid, source_id, is_active, created_at, payload)"
        f" VALUES (2, '{LEAD}', 1, TRUE, '2026-01-02 03:04:05.000006', '[10.50,-0]')"
    )
    async with database.writing() as session:
        empty = await session.get_one(Interaction, 1)
        created = await InteractionCRUD(session).create(empty.lead_uuid, 1, payload=value)
    async with database.reading() as session:
        interactions = [await InteractionCRUD(session).get_by_id(id) for id in (1, 2, created.id)]

    assert value == created.payload
    assert [None, [10.5, 0], value] == [row and row.payload for row in interactions]
    assert {"a": 1} == Interaction(payload={"a": 1}).payload
