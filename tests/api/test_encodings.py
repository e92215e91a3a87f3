"""How a body may be encoded: UTF-8, with or without its mark, and nothing around it."""

import gzip
import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import CANARY
from tests.support.api import Api
from tests.support.problems import read_problem

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
    """The answer to a body under so many fields `Content-Encoding`."""
    headers = [("Content-Type", "application/json")]
    headers += [("Content-Encoding", coding) for coding in codings]
    return await client.request(method, path, content=body, headers=headers)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(("method", "path", "body"), BODIES)
async def test_compressed_body(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    """Refused with what would be taken, and not as JSON that it never claimed to be."""
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
async def test_coding_that_is_not_taken(client: httpx.AsyncClient, codings: list[str]) -> None:
    """However it is written; the body may even be plain, as nothing looks at it."""
    body = json.dumps({"name": CANARY}).encode()

    response = await send(client, body, *codings, path="/operators")

    read_problem(response, 415, "unsupported_content_encoding")
    assert "identity" == response.headers["Accept-Encoding"]
    assert CANARY not in response.text


@pytest.mark.parametrize(
    "codings", [["identity"], ["Identity"], [""], ["identity, identity"], ["", "identity"], [","]]
)
async def test_coding_that_is_none(client: httpx.AsyncClient, codings: list[str]) -> None:
    """`identity` is no coding, and neither is an empty field."""
    response = await send(client, b'{"name": "Maria"}', *codings, path="/operators")

    assert 201 == response.status_code


@pytest.mark.usefixtures("scene")
async def test_coding_of_nothing(client: httpx.AsyncClient) -> None:
    """Without a body there is nothing to be decoded."""
    response = await send(client, b"", "gzip", path="/interactions/1/close")

    assert 200 == response.status_code


async def test_coding_is_documented(client: httpx.AsyncClient) -> None:
    """Generated clients know the header that names what is taken."""
    document = (await client.get("/openapi.json")).text

    assert "unsupported_content_encoding" in document
    assert '"Accept-Encoding":' in document


@pytest.mark.usefixtures("unharmed")
async def test_type_is_refused_without_a_word_on_codings(client: httpx.AsyncClient) -> None:
    """A client that reads `Accept-Encoding` looks for the fault there."""
    response = await client.post("/operators", content=b"{}", headers={"Content-Type": "text/a"})

    read_problem(response, 415, "unsupported_media_type")
    assert "Accept-Encoding" not in response.headers


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize(("method", "path", "body"), BODIES)
async def test_byte_order_mark(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    """Windows programs write one; RFC 8259 lets a parser ignore it."""
    response = await send(client, MARK + json.dumps(body).encode(), method=method, path=path)

    assert response.is_success or "lead_not_found" == response.json()["code"]


async def test_mark_within_the_payload_is_kept(api: Api, client: httpx.AsyncClient) -> None:
    """Only the mark before the body is no part of it."""
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
async def test_mark_that_is_none(client: httpx.AsyncClient, body: bytes) -> None:
    """One, at the very beginning, of UTF-8."""
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
    """JSON and what is built on it, with any parameters."""
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
async def test_type_of_something_else(client: httpx.AsyncClient, content_type: str) -> None:
    """What only looks like a type is none."""
    response = await client.post(
        "/operators", content=b'{"name": "Maria"}', headers={"Content-Type": content_type}
    )

    read_problem(response, 415, "unsupported_media_type")
