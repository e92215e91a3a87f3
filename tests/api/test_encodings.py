"""Encodings of a body: UTF-8, with or without a byte order mark, and uncompressed."""

import gzip
import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import CANARY
from tests.support.api import Api
from tests.support.problems import read_problem

pytestmark = pytest.mark.both_ways

MARK = b"\xef\xbb\xbf"
BODIES: list[tuple[str, str, Any]] = [
    ("POST", "/interaction", {"email": f"{CANARY}@example.com", "source_id": 1}),
    ("POST", "/leads/search", {"email": f"{CANARY}@example.com"}),
    ("POST", "/operators", {"name": CANARY}),
    ("PATCH", "/operators/1", {"name": CANARY}),
    ("POST", "/sources", {"description": CANARY}),
    ("PATCH", "/sources/1", {"description": CANARY}),
    ("POST", "/interactions/1/assign", {"operator_id": 2}),
    ("POST", "/sources/1/preview", {"count": 1}),
    ("PUT", "/sources/1/operators", []),
]


async def send(
    client: httpx.AsyncClient, body: bytes, *codings: str, method: str = "POST", path: str
) -> httpx.Response:
    """The response to a body with these `Content-Encoding` fields."""
    headers = [("Content-Type", "application/json")]
    headers += [("Content-Encoding", coding) for coding in codings]
    return await client.request(method, path, content=body, headers=headers)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(("method", "path", "body"), BODIES)
async def test_compressed_body(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    """It is refused with the supported encoding, not as malformed JSON."""
    compressed = gzip.compress(json.dumps(body).encode())

    response = await send(client, compressed, "gzip", method=method, path=path)

    read_problem(response, 415, "unsupported_content_encoding")
    assert "identity" == response.headers["Accept-Encoding"]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    "codings",
    [
        ["gzip"],
        ["GZip"],
        [" br "],
        ["deflate, gzip"],
        ["identity, gzip"],
        ["identity", "zstd"],
        ["gzip", ""],
        ["identity;q=1"],
        ["utf-8"],
        ["*"],
        [CANARY],
    ],
)
async def test_unsupported_encoding(client: httpx.AsyncClient, codings: list[str]) -> None:
    """It is refused however it is spelled, even if the body is plain."""
    body = json.dumps({"name": CANARY}).encode()

    response = await send(client, body, *codings, path="/operators")

    read_problem(response, 415, "unsupported_content_encoding")
    assert "identity" == response.headers["Accept-Encoding"]
    assert CANARY not in response.text


@pytest.mark.parametrize(
    "codings", [["identity"], ["Identity"], [""], ["identity, identity"], ["", "identity"], [","]]
)
async def test_no_encoding(client: httpx.AsyncClient, codings: list[str]) -> None:
    """`identity` and an empty field mean no encoding."""
    response = await send(client, b'{"name": "Maria"}', *codings, path="/operators")

    assert 201 == response.status_code


@pytest.mark.usefixtures("scene")
async def test_encoding_without_a_body(client: httpx.AsyncClient) -> None:
    """Without a body there is nothing to decode."""
    response = await send(client, b"", "gzip", path="/interactions/1/close")

    assert 200 == response.status_code


async def test_encoding_is_documented(client: httpx.AsyncClient) -> None:
    """The OpenAPI document has the code, and the header that names what is supported."""
    document = (await client.get("/openapi.json")).text

    assert "unsupported_content_encoding" in document
    assert '"Accept-Encoding":' in document


@pytest.mark.usefixtures("unharmed")
async def test_unsupported_type_without_accept_encoding(client: httpx.AsyncClient) -> None:
    """The header would make a client look for the error in the encoding."""
    response = await client.post("/operators", content=b"{}", headers={"Content-Type": "text/a"})

    read_problem(response, 415, "unsupported_media_type")
    assert "Accept-Encoding" not in response.headers


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize(("method", "path", "body"), BODIES)
async def test_byte_order_mark(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    """Windows programs write one; RFC 8259 allows a parser to ignore it."""
    response = await send(client, MARK + json.dumps(body).encode(), method=method, path=path)

    assert response.is_success or "lead_not_found" == response.json()["code"]


async def test_mark_within_the_payload_is_kept(api: Api, client: httpx.AsyncClient) -> None:
    """Only the mark before the body is ignored."""
    body = {"email": "a@example.com", "source_id": await api.create_source(), "payload": "\ufeffa"}

    response = await send(
        client, MARK + json.dumps(body, ensure_ascii=False).encode(), path="/interaction"
    )

    assert "\ufeffa" == response.json()["payload"]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    "body",
    [
        MARK * 2 + b"{}",
        b" " + MARK + b"{}",
        b"{}" + MARK,
        MARK,
        MARK[:2] + b"{}",
        "\ufeff{}".encode("utf-16-le"),
        "\ufeff{}".encode("utf-16-be"),
        "\ufeff{}".encode("utf-32-le"),
    ],
    ids=["two", "behind a space", "at the end", "alone", "half", "UTF-16", "big-endian", "UTF-32"],
)
async def test_misplaced_mark(client: httpx.AsyncClient, body: bytes) -> None:
    """Only one mark, in UTF-8 and at the very beginning, is ignored."""
    read_problem(await send(client, body, path="/interaction"), 400, "malformed_body")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        " application/json ; charset=utf-8",
        'application/json;charset="UTF-8"; a=b',
        "application/problem+json",
        "application/vnd.example.v1+json;x",
    ],
)
async def test_type_of_json(client: httpx.AsyncClient, content_type: str) -> None:
    """JSON and types based on it are accepted, with any parameters."""
    response = await client.post(
        "/operators", content=b'{"name": "Maria"}', headers={"Content-Type": content_type}
    )

    assert 201 == response.status_code, response.text


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json, text/plain",
        "application/a/b+json",
        "application/a b+json",
        "application/+json",
        "application/a,b+json",
        "application / json",
        "application/json/",
        "application/x-json",
        "application/json5",
        ";application/json",
    ],
)
async def test_other_type(client: httpx.AsyncClient, content_type: str) -> None:
    """A value that only resembles a JSON type is refused."""
    response = await client.post(
        "/operators", content=b'{"name": "Maria"}', headers={"Content-Type": content_type}
    )

    read_problem(response, 415, "unsupported_media_type")
