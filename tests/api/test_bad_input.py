"""Invalid requests: each is refused with a problem, and nothing is written."""

import json
import re
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from tests.api.conftest import CANARY
from tests.support.problems import pointers, read_problem

pytestmark = [pytest.mark.both_ways, pytest.mark.usefixtures("unharmed")]

MAX_ID = 2**63 - 1
NO_ID = [
    str(MAX_ID + 1),
    "1" + "0" * 30,
    "9" * 5000,
    "0",
    "-1",
    "true",
    '"1"',
    "1.0",
    "1e0",
    "1e999",
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "[1]",
]
NO_TEXT = [
    '""',
    "null",
    "1",
    f'"{CANARY}\\u0000"',
    f'"{CANARY}\\ud800"',
    f'"\\udc00{CANARY}"',
    json.dumps(CANARY * 200),
]
NO_FLAG = ["1", "0", '"true"', "null", "[]"]
NO_LOAD_LIMIT = ["-1", "1000001", "true", '"1"', "1.0", "NaN", "9" * 5000]


class Prober:
    """Sends invalid requests."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def refused(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        *,
        status: int,
        code: str,
        content_type: str | None = "application/json",
    ) -> set[tuple[str, str]]:
        """Check that a request is refused; returns the pointers of a 422."""
        headers = {} if body is None or content_type is None else {"Content-Type": content_type}
        response = await self._client.request(method, path, content=body, headers=headers)
        problem = read_problem(response, status, code)
        assert CANARY not in response.text
        assert CANARY not in str(response.headers)
        return pointers(problem) if status == 422 else set()

    async def invalid(
        self, method: str, path: str, body: str | bytes | None = None
    ) -> set[tuple[str, str]]:
        """Check that a request is refused with 422; returns the pointers."""
        return await self.refused(method, path, body, status=422, code="invalid_request")


@pytest.fixture
async def probe(client: httpx.AsyncClient) -> AsyncIterator[Prober]:
    """A prober of the in-process application, which must still read and write afterwards."""
    yield Prober(client)

    assert 200 == (await client.get("/readyz")).status_code
    assert 200 == (await client.get("/interactions/1")).status_code
    assert 200 == (await client.patch("/sources/1", json={})).status_code


def inquiry(**fields: str) -> str:
    """An inquiry with these fields, given as JSON text."""
    fields = {"email": f'"{CANARY}@example.com"', "source_id": "1", **fields}
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}"


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    """Containers nested in each other."""
    return opening * levels + closing * levels


# --- fields of an inquiry


async def test_source_id_that_is_no_id(probe: Prober, subtests: pytest.Subtests) -> None:
    """An id is a JSON integer from 1 to 2^63 - 1."""
    for source_id in NO_ID:
        with subtests.test(source_id=source_id[:24]):
            found = await probe.invalid("POST", "/interaction", inquiry(source_id=source_id))

            assert {("body", "/source_id")} == found


async def test_greatest_source_id_is_unknown(probe: Prober) -> None:
    """2^63 - 1 is a valid id."""
    body = inquiry(source_id=str(MAX_ID))

    await probe.refused("POST", "/interaction", body, status=404, code="source_not_found")


NO_EMAIL = [
    '"\\ud800@b.co"',
    f'"{CANARY}@\\udfff.com"',
    f'"{CANARY}\\u0000@example.com"',
    "NaN",
    "null",
    "1",
    '""',
    f'"{CANARY}"',
    f'"A <{CANARY}@example.com>"',
    f'"<{CANARY}@example.com>"',
    f'"{CANARY} @example.com"',
    f'"{CANARY}@example.com\\n\\u0000"',
    f'"{CANARY}@ex\\nample.com"',
    f'"{CANARY}..a@example.com"',
    f'"\\"{CANARY}\\"@example.com"',
    f'"\\"{CANARY}. .a\\"@docomo.ne.jp"',
    json.dumps(" " * 60_000),
    json.dumps(" " * 60_000 + CANARY),
    f'"{CANARY}@example.com, b@example.com"',
    f'"{CANARY}@localhost"',
    f'"{CANARY}@[127.0.0.1]"',
    json.dumps(CANARY * 30 + "@example.com"),
    json.dumps(f"{CANARY}@" + "a.bc" * 70),
]


@pytest.mark.parametrize("path", ["/interaction", "/leads/search"])
async def test_email_that_is_no_bare_address(
    probe: Prober, subtests: pytest.Subtests, path: str
) -> None:
    """A lead has one bare address of at most 254 characters."""
    for email in NO_EMAIL:
        with subtests.test(email=email[:24]):
            body = inquiry(email=email) if path == "/interaction" else f'{{"email": {email}}}'

            assert {("body", "/email")} == await probe.invalid("POST", path, body)


NO_PAYLOAD = [
    f'"{CANARY}\\ud800"',
    f'"{CANARY}\\u0000"',
    f'{{"\\ud800": "{CANARY}"}}',
    f'{{"\\u0000": "{CANARY}"}}',
    f'[["{CANARY}", {{"a": "\\udfff"}}]]',
    "NaN",
    "[1e400, NaN]",
    '{"a": Infinity}',
    "-Infinity",
    nested(33),
    nested(33, '{"a":', "}").replace(":}", ":1}"),
    nested(300),
]


async def test_payload_that_could_not_be_read_back(
    probe: Prober, subtests: pytest.Subtests
) -> None:
    """It is refused before anything is written."""
    for payload in NO_PAYLOAD:
        with subtests.test(payload=payload[:24]):
            found = await probe.invalid("POST", "/interaction", inquiry(payload=payload))

            assert {("body", "/payload")} == found


@pytest.mark.parametrize(
    "payload",
    [nested(30_000), nested(9_000, '{"a":', "}").replace(":}", ":1}"), "[" * 60_000],
    ids=["arrays", "objects", "unclosed"],
)
async def test_nesting_beyond_the_limit_of_the_parser(probe: Prober, payload: str) -> None:
    """A body beyond the parser's own limit is malformed."""
    body = inquiry(payload=payload)

    await probe.refused("POST", "/interaction", body, status=400, code="malformed_body")


# --- fields of operators, sources and weights


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("POST", "/operators", "name"),
        ("PATCH", "/operators/1", "name"),
        ("POST", "/sources", "description"),
        ("PATCH", "/sources/1", "description"),
    ],
)
async def test_name_that_is_no_text(
    probe: Prober, subtests: pytest.Subtests, method: str, path: str, field: str
) -> None:
    """A name is a text of 1 to 1000 characters that every database can store."""
    for text in NO_TEXT:
        with subtests.test(text=text[:24]):
            found = await probe.invalid(method, path, f'{{"{field}": {text}}}')

            assert {("body", f"/{field}")} == found


@pytest.mark.parametrize(("field", "texts"), [("active", NO_FLAG), ("load_limit", NO_LOAD_LIMIT)])
async def test_operator_setting_of_another_type(
    probe: Prober, subtests: pytest.Subtests, field: str, texts: list[str]
) -> None:
    """Flags are JSON booleans and limits JSON integers, on create and on update."""
    for text in texts:
        with subtests.test(text=text[:24]):
            body = f'{{"name": "{CANARY}", "{field}": {text}}}'
            created = await probe.invalid("POST", "/operators", body)
            changed = await probe.invalid("PATCH", "/operators/1", body)

            assert {("body", f"/{field}")} == created == changed


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("strategy", ["null", "1", "true", '""', '"Smooth"', '"smooth "', f'"{CANARY}"', "[]"]),
        ("enforce_load_limit", NO_FLAG),
        ("sticky", NO_FLAG),
    ],
)
async def test_rule_of_another_type(
    probe: Prober, subtests: pytest.Subtests, field: str, texts: list[str]
) -> None:
    """A strategy is one of two names; no rule may be null."""
    for text in texts:
        with subtests.test(text=text):
            body = f'{{"description": "{CANARY}", "{field}": {text}}}'
            created = await probe.invalid("POST", "/sources", body)
            changed = await probe.invalid("PATCH", "/sources/1", body)

            assert {("body", f"/{field}")} == created == changed


async def test_assignment_to_an_invalid_id(probe: Prober, subtests: pytest.Subtests) -> None:
    """An operator is named by its id; only null leaves the choice to the source's rules."""
    for operator_id in set(NO_ID) - {"null"}:
        with subtests.test(operator_id=operator_id[:24]):
            body = f'{{"operator_id": {operator_id}}}'
            found = await probe.invalid("POST", "/interactions/1/assign", body)

            assert {("body", "/operator_id")} == found


async def test_assignment_to_an_unknown_operator(probe: Prober) -> None:
    """2^63 - 1 is a valid id."""
    body = f'{{"operator_id": {MAX_ID}}}'

    await probe.refused(
        "POST", "/interactions/1/assign", body, status=404, code="operator_not_found"
    )


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("count", ["0", "-1", "1001", "null", "true", '"1"', "1.0", "1e2", "NaN", "9" * 5000]),
        ("strategy", ["1", "true", '""', '"Random"', f'"{CANARY}"', "[]"]),
        ("seed", ["-1", str(MAX_ID + 1), "true", '"1"', "1.0", "NaN", "[1]", "9" * 5000]),
        ("weights", ["1", "true", f'"{CANARY}"', "{}"]),
    ],
)
async def test_invalid_preview(
    probe: Prober, subtests: pytest.Subtests, field: str, texts: list[str]
) -> None:
    """A preview has 1 to 1000 picks, under rules that a source can have."""
    for text in texts:
        with subtests.test(text=text[:24]):
            found = await probe.invalid("POST", "/sources/1/preview", f'{{"{field}": {text}}}')

            assert {("body", f"/{field}")} == found


async def test_preview_for_an_unknown_operator(probe: Prober) -> None:
    """Proposed weights must name existing operators."""
    body = '{"weights": [{"operator_id": 1, "weight": 1}, {"operator_id": 7, "weight": 1}]}'

    await probe.refused("POST", "/sources/1/preview", body, status=404, code="operator_not_found")


# The requests that take a list of weights, and its place in the body.
WEIGHTS = [
    ("PUT", "/sources/1/operators", "{}", ""),
    ("POST", "/sources/1/preview", '{{"weights": {}}}', "/weights"),
]


@pytest.mark.parametrize(("method", "path", "body", "pointer"), WEIGHTS)
async def test_weight_of_an_invalid_id(
    probe: Prober, subtests: pytest.Subtests, *, method: str, path: str, body: str, pointer: str
) -> None:
    """The operator of a weight is named by its id."""
    for operator_id in NO_ID:
        with subtests.test(operator_id=operator_id[:24]):
            weights = f'[{{"operator_id": {operator_id}, "weight": 1}}]'
            found = await probe.invalid(method, path, body.format(weights))

            assert {("body", f"{pointer}/0/operator_id")} == found


NO_WEIGHT = ["-1", "1000001", "true", '"1"', "1.0", "null", "NaN"]


@pytest.mark.parametrize(("method", "path", "body", "pointer"), WEIGHTS)
async def test_weight_out_of_range(
    probe: Prober, subtests: pytest.Subtests, *, method: str, path: str, body: str, pointer: str
) -> None:
    """A weight is an integer from 0 to 1,000,000."""
    for weight in NO_WEIGHT:
        with subtests.test(weight=weight):
            weights = f'[{{"operator_id": 1, "weight": {weight}}}]'
            found = await probe.invalid(method, path, body.format(weights))

            assert {("body", f"{pointer}/0/weight")} == found


@pytest.mark.parametrize(("method", "path", "body", "pointer"), WEIGHTS)
@pytest.mark.parametrize(
    "weights",
    [
        [{"operator_id": 1, "weight": 1}, {"operator_id": 1, "weight": 2}],
        [{"operator_id": id, "weight": 1} for id in range(1, 1002)],
    ],
    ids=["operator twice", "1001 operators"],
)
async def test_invalid_list_of_weights(
    probe: Prober,
    weights: Sequence[dict[str, int]],
    *,
    method: str,
    path: str,
    body: str,
    pointer: str,
) -> None:
    """A list names each operator once, and at most 1000 operators."""
    found = await probe.invalid(method, path, body.format(json.dumps(weights)))

    assert {("body", pointer)} == found


# --- the shape of bodies

BODIES = [
    ("POST", "/interaction"),
    ("POST", "/leads/search"),
    ("POST", "/operators"),
    ("PATCH", "/operators/1"),
    ("POST", "/sources"),
    ("PATCH", "/sources/1"),
    ("POST", "/interactions/1/assign"),
    ("POST", "/sources/1/preview"),
    ("PUT", "/sources/1/operators"),
]
VALID: dict[str, dict[str, object]] = {
    "/interaction": {"email": f"{CANARY}@example.com", "source_id": 1},
    "/leads/search": {"email": f"{CANARY}@example.com"},
    "/operators": {"name": CANARY},
    "/operators/1": {"name": CANARY},
    "/sources": {"description": CANARY},
    "/sources/1": {"description": CANARY},
    "/interactions/1/assign": {"operator_id": 2},
    "/sources/1/preview": {"count": 1},
}


def valid_body(path: str) -> str:
    """A body that is valid for this path."""
    return json.dumps(VALID.get(path, []))


ODD_KEYS = [f'"<{CANARY}>"', f'"{CANARY * 10}"', '"a/b"', '""', '"\\u0000"', '"\\ud800"']


@pytest.mark.parametrize(("method", "path"), BODIES[:-1])
async def test_unknown_field(
    probe: Prober, subtests: pytest.Subtests, method: str, path: str
) -> None:
    """Unknown fields are refused; the pointer is given only if it looks like a field's name."""
    for key, pointer in [('"surprise"', "/surprise"), *((key, "") for key in ODD_KEYS)]:
        with subtests.test(key=key):
            body = json.dumps(VALID[path])[:-1] + f', {key}: "{CANARY}"}}'

            assert {("body", pointer)} == await probe.invalid(method, path, body)


async def test_unknown_field_in_a_list(probe: Prober) -> None:
    """An unknown field of a weight is refused with its pointer."""
    body = f'[{{"operator_id": 1, "weight": 1, "surprise": "{CANARY}"}}]'

    found = await probe.invalid("PUT", "/sources/1/operators", body)

    assert {("body", "/0/surprise")} == found


NO_JSON: list[str | bytes] = [
    f'"{CANARY}',
    CANARY,
    "{",
    f'{{"email": "{CANARY}@example.com",}}',
    f'{{"email": "{CANARY}@example.com", "email": "b@example.com", "source_id": 1}}',
    inquiry(payload=f'[{{"a": 1, "a": "{CANARY}"}}]'),
    inquiry() + inquiry(),
    inquiry().encode() + b"\xff",
    inquiry(payload='"\udcff"').encode(errors="surrogateescape"),
    inquiry().encode("utf-16"),
    b"\xef\xbb\xbf" * 2 + inquiry().encode(),
    inquiry(payload="'a'"),
    inquiry(payload="01"),
    inquiry(payload='"\n"'),
    " ",
]


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_body_that_is_no_json(
    probe: Prober, subtests: pytest.Subtests, method: str, path: str
) -> None:
    """A body is one JSON text in UTF-8 without duplicate keys."""
    for body in NO_JSON:
        with subtests.test(body=body[:24]):
            await probe.refused(method, path, body, status=400, code="malformed_body")


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_body_of_another_shape(
    probe: Prober, subtests: pytest.Subtests, method: str, path: str
) -> None:
    """A body that is not an object, or not a list where one is expected, is refused."""
    for body in ["", "null", f'"{CANARY}"', "1", "true"]:
        with subtests.test(body=body[:24]):
            assert {("body", "")} == await probe.invalid(method, path, body)


NO_JSON_TYPE = [
    None,
    "",
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    f"application/json{CANARY}",
]


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_content_type_that_is_not_json(
    probe: Prober, subtests: pytest.Subtests, method: str, path: str
) -> None:
    """A body whose type is not JSON is not parsed."""
    for content_type in NO_JSON_TYPE:
        with subtests.test(content_type=content_type):
            await probe.refused(
                method,
                path,
                valid_body(path),
                status=415,
                code="unsupported_media_type",
                content_type=content_type,
            )


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_body_over_the_limit(probe: Prober, method: str, path: str) -> None:
    """A body one byte over 64 KiB is refused, even if it is well-formed."""
    body = valid_body(path).ljust(64 * 1024 + 1)

    await probe.refused(method, path, body, status=413, code="body_too_large")


async def test_email_of_a_megabyte(probe: Prober) -> None:
    """A huge value exceeds the limit of the body, and is not parsed."""
    body = inquiry(email=json.dumps(CANARY * 100_000 + "@example.com"))

    await probe.refused("POST", "/interaction", body, status=413, code="body_too_large")


# --- queries and paths

LISTS = [
    "/interactions",
    "/operators",
    "/sources",
    "/stats/operators",
    "/leads/11111111-1111-1111-1111-111111111111/interactions",
]
NO_NUMBER = ["", "-1", "+1", "1.0", "1e2", "0x1", "1_0", "%201", "true", CANARY, "%00", "%ff"]
TOO_GREAT = [str(MAX_ID + 1), "9" * 100, "9" * 5000]


@pytest.mark.parametrize("path", LISTS)
async def test_page_out_of_range(probe: Prober, subtests: pytest.Subtests, path: str) -> None:
    """`limit` is 1 to 1000; `after` is an id or 0."""
    for query in [
        *(f"after={after}" for after in (*NO_NUMBER, *TOO_GREAT)),
        *(f"limit={limit}" for limit in ("0", "1001", *NO_NUMBER, *TOO_GREAT)),
    ]:
        with subtests.test(query=query[:24]):
            found = await probe.invalid("GET", f"{path}?{query}")

            assert {("query", "/" + query.partition("=")[0])} == found


@pytest.mark.parametrize("path", [*LISTS, "/stats/sources/1"])
async def test_unknown_query_parameter(probe: Prober, path: str) -> None:
    """An unknown filter is refused, not ignored."""
    assert {("query", "/surprise")} == await probe.invalid("GET", f"{path}?surprise={CANARY}")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=1&limit=1", "/limit"),
        ("limit=5&after=1&limit=6", "/limit"),
        ("after=1&%61fter=2", "/after"),
        (f"surprise={CANARY}&surprise=2", "/surprise"),
        (f"{CANARY}%00=1&{CANARY}%00=1", ""),
    ],
)
async def test_parameter_given_twice(probe: Prober, path: str, query: str, pointer: str) -> None:
    """The service does not choose between two values."""
    assert {("query", pointer)} == await probe.invalid("GET", f"{path}?{query}")


@pytest.mark.parametrize(
    ("path", "name"),
    [("/interactions", "operator_id"), ("/interactions", "waiting"), ("/stats/sources/1", "since")],
)
async def test_filter_given_twice(probe: Prober, path: str, name: str) -> None:
    """The service does not choose between two values."""
    assert {("query", f"/{name}")} == await probe.invalid("GET", f"{path}?{name}=1&{name}=2")


NO_ID_PARAMETER = ["0", *NO_NUMBER, *TOO_GREAT]
NO_FLAG_PARAMETER = ["", "1", "yes", "True", "null", CANARY, "%00"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("operator_id", NO_ID_PARAMETER),
        ("source_id", NO_ID_PARAMETER),
        ("is_active", NO_FLAG_PARAMETER),
        ("waiting", NO_FLAG_PARAMETER),
    ],
)
async def test_filter_of_another_type(
    probe: Prober, subtests: pytest.Subtests, name: str, values: list[str]
) -> None:
    """Filters are ids, and `true` or `false`."""
    for value in values:
        with subtests.test(value=value[:24]):
            found = await probe.invalid("GET", f"/interactions?{name}={value}")

            assert {("query", f"/{name}")} == found


NO_DAY = [
    "",
    "0",
    "1767312000",
    "2026-1-2",
    "20260102",
    "2026-02-30",
    "2026-13-01",
    "2026-00-10",
    "0000-01-01",
    "10000-01-01",
    "-2026-01-1",
    "%2B2026-1-1",
    "2026/01/02",
    "2026-01-02T00:00:00",
    "2026-01-02Z",
    "2026-01-02%20",
    "%202026-1-2",
    "2026-W01-5",
    "2026-W015",
    "2026-002",
    "26-01-0002",
    "\u0662\u0660\u0662\u0666-01-02",
    "2026-\u0660\u0661-02",
    "\uff12\uff10\uff12\uff16-\uff10\uff11-\uff10\uff12",
    "2026\u221201\u221202",
    "1e9",
    "Infinity",
    "today",
    "null",
    f"{CANARY}",
    "%00",
    "%ff",
    "9" * 5000,
]


@pytest.mark.parametrize("name", ["since", "until"])
async def test_invalid_day(probe: Prober, subtests: pytest.Subtests, name: str) -> None:
    """A day is written YYYY-MM-DD in ASCII digits, and nothing else."""
    for day in NO_DAY:
        with subtests.test(day=day[:24]):
            found = await probe.invalid("GET", f"/stats/sources/1?{name}={day}")

            assert {("query", f"/{name}")} == found


async def test_period_that_ends_before_it_begins(probe: Prober) -> None:
    """The error points to the last day."""
    found = await probe.invalid("GET", "/stats/sources/1?since=2026-01-02&until=2026-01-01")

    assert {("query", "/until")} == found


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/interactions/{interaction_id}"),
        ("POST", "/interactions/{interaction_id}/close"),
        ("POST", "/interactions/{interaction_id}/assign"),
        ("GET", "/interactions/{interaction_id}/assignments"),
        ("GET", "/operators/{operator_id}"),
        ("PATCH", "/operators/{operator_id}"),
        ("GET", "/sources/{source_id}"),
        ("PATCH", "/sources/{source_id}"),
        ("GET", "/sources/{source_id}/operators"),
        ("PUT", "/sources/{source_id}/operators"),
        ("POST", "/sources/{source_id}/preview"),
        ("GET", "/stats/sources/{source_id}"),
    ],
)
async def test_path_with_an_invalid_id(
    probe: Prober, subtests: pytest.Subtests, method: str, path: str
) -> None:
    """An id in a path must be valid."""
    before, name, behind = re.split("[{}]", path)
    body = None if method == "GET" else "[]" if method == "PUT" else "{}"
    for id in filter(None, NO_ID_PARAMETER):
        with subtests.test(id=id[:24]):
            found = await probe.invalid(method, before + id + behind, body)

            assert {("path", f"/{name}")} == found


NO_UUID = [
    "1",
    CANARY,
    "%00",
    "%ff",
    "11111111-1111-1111-1111-11111111111%00",
    "1" * 31,
    "1" * 5000,
]


@pytest.mark.parametrize("path", ["/leads/{}", "/leads/{}/interactions"])
async def test_path_with_an_invalid_uuid(
    probe: Prober, subtests: pytest.Subtests, path: str
) -> None:
    """A lead's UUID in a path must be valid; the response does not quote an invalid one."""
    for uuid in NO_UUID:
        with subtests.test(uuid=uuid[:24]):
            assert {("path", "/lead_uuid")} == await probe.invalid("GET", path.format(uuid))


async def test_refusal_does_not_quote_the_uuid(client: httpx.AsyncClient) -> None:
    """The message is the same for every invalid UUID."""
    details = [
        (await client.get(f"/leads/{uuid}")).json()["errors"][0]["detail"]
        for uuid in ("z", "%C5%BE", "1" * 31, "{")
    ]

    assert ["Input should be a UUID."] * 4 == details


@pytest.mark.parametrize("path", ["/%00", "/docs/assets/%00", "/docs/assets/..%2fdocs.py", "/%ff"])
async def test_odd_path(probe: Prober, path: str) -> None:
    """The path is not found."""
    await probe.refused("GET", path, status=404, code="not_found")
