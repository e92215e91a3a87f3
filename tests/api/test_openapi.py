"""The OpenAPI document: complete, correct, and kept by the service."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from pydantic import TypeAdapter

from app import schemas
from app.core.distribution import PassedOver, Reason, Strategy
from app.main import create_app
from tests.support.server import LiveServer

ROOT = Path(__file__).parents[2]
OPERATIONS = {
    "create_interaction": "POST /interaction",
    "list_interactions": "GET /interactions",
    "read_interaction": "GET /interactions/{interaction_id}",
    "close_interaction": "POST /interactions/{interaction_id}/close",
    "assign_interaction": "POST /interactions/{interaction_id}/assign",
    "list_assignments": "GET /interactions/{interaction_id}/assignments",
    "search_lead": "POST /leads/search",
    "read_lead": "GET /leads/{lead_uuid}",
    "list_lead_interactions": "GET /leads/{lead_uuid}/interactions",
    "list_operators": "GET /operators",
    "create_operator": "POST /operators",
    "read_operator": "GET /operators/{operator_id}",
    "update_operator": "PATCH /operators/{operator_id}",
    "list_sources": "GET /sources",
    "create_source": "POST /sources",
    "read_source": "GET /sources/{source_id}",
    "update_source": "PATCH /sources/{source_id}",
    "list_source_operators": "GET /sources/{source_id}/operators",
    "replace_source_operators": "PUT /sources/{source_id}/operators",
    "preview_source": "POST /sources/{source_id}/preview",
    "report_source": "GET /stats/sources/{source_id}",
    "report_operators": "GET /stats/operators",
    "check_health": "GET /healthz",
    "check_readiness": "GET /readyz",
}


# The document's name of each enum, and its type.
ENUMS = {"Strategy": Strategy, "Reason": Reason, "PassedOver": PassedOver}


class Operation(NamedTuple):
    """One method of one path, with its references resolved."""

    name: str
    spec: dict[str, Any]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document, as a client loads it."""
    loaded: dict[str, Any] = json.loads(json.dumps(create_app().openapi()))
    return loaded


@pytest.fixture
def operations(document: dict[str, Any]) -> list[Operation]:
    """All operations of the document."""
    return [
        Operation(f"{method.upper()} {path}", {**spec, "responses": resolved(document, spec)})
        for path, methods in document["paths"].items()
        for method, spec in methods.items()
    ]


def resolved(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The responses of an operation, including shared ones."""
    shared = document["components"]["responses"]
    return {
        status: shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
        for status, response in operation["responses"].items()
    }


def integers(part: Any) -> Iterator[dict[str, Any]]:
    """All schemas of integers in a part of the document."""
    if isinstance(part, dict):
        if part.get("type") == "integer":
            yield part
        for value in part.values():
            yield from integers(value)
    elif isinstance(part, list):
        for item in part:
            yield from integers(item)


def contents(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """The media types and schemas of an operation's bodies."""
    bodies = [operation.spec.get("requestBody", {}), *operation.spec["responses"].values()]
    for body in bodies:
        for media_type, content in body.get("content", {}).items():
            yield media_type, content["schema"]


def test_operation_ids_are_stable(operations: list[Operation]) -> None:
    """Generated clients name their functions by operation ids."""
    assert len(operations) == len(OPERATIONS)
    assert OPERATIONS == {operation.spec["operationId"]: operation.name for operation in operations}


def test_every_operation_has_a_tag_that_is_described(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    """Swagger UI groups operations by tag."""
    described = {tag["name"] for tag in document["tags"] if tag["description"]}

    assert [] == [
        operation.name
        for operation in operations
        if len(operation.spec["tags"]) != 1 or not described.issuperset(operation.spec["tags"])
    ]


def test_every_operation_declares_its_errors(operations: list[Operation]) -> None:
    """All errors are problems; a body or a parameter adds its own."""
    for name, spec in operations:
        responses = spec["responses"]
        expected = {"431", "500"}
        if "health" not in spec["tags"]:
            expected |= {"422", "503"}
        if "requestBody" in spec:
            expected |= {"400", "413", "415"}
        if "{" in name:
            expected |= {"404"}

        assert expected <= responses.keys(), name
        for status, response in responses.items():
            problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
            if status >= "400":
                assert {"application/problem+json": problem} == response["content"], name
                assert response["description"].startswith("`"), name
            else:
                assert {"application/json"} == response["content"].keys(), name
            assert "X-Request-ID" in response["headers"], name


def test_every_body_has_an_example_that_is_valid(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    """Each example is one that the service accepts or returns."""
    components = document["components"]["schemas"]
    for operation in operations:
        for _, schema in contents(operation):
            name = schema.get("items", schema)["$ref"].rpartition("/")[2]
            component = components[name]

            assert component["examples"], name
            for example in component["examples"]:
                TypeAdapter(getattr(schemas, name)).validate_json(json.dumps(example))
                assert component["properties"].keys() >= example.keys(), name
                assert set(component.get("required", ())) <= example.keys(), name


def test_every_request_shows_an_example(operations: list[Operation]) -> None:
    """A user who sends a request from Swagger UI sees its parameters and body."""
    for name, spec in operations:
        for parameter in spec.get("parameters", ()):
            assert parameter["schema"]["examples"], f"{name} {parameter['name']}"
            # Swagger UI would send a filter that is filled in.
            assert (parameter["in"] == "path") == ("example" in parameter), name
        for content in spec.get("requestBody", {}).get("content", {}).values():
            assert content["example"], name


def test_integers_have_a_width(document: dict[str, Any]) -> None:
    """A generated client reads ids as 64 bits; without a format it would use 32."""
    schemas = document["components"]["schemas"]
    formats = {
        (component, name): integer["format"]
        for component, schema in schemas.items()
        for name, property in schema.get("properties", {}).items()
        for integer in integers(property)
    }

    assert all("format" in integer for integer in integers(document))
    assert {"int64"} == {
        format
        for (_, name), format in formats.items()
        if name == "id" or name.endswith("_id") or name in {"sequence", "seed"}
    }
    assert "int32" == formats["ReadSourceOperator", "weight"] == formats["Problem", "status"]


def test_enums_have_names(document: dict[str, Any]) -> None:
    """A generated client has one type for each, and knows every error code."""
    components = document["components"]["schemas"]
    codes = components["ProblemCode"]["enum"]

    for name, type_ in ENUMS.items():
        assert list(get_args(type_.__value__)) == components[name]["enum"], name
    assert {"$ref": "#/components/schemas/ProblemCode"} == components["Problem"]["properties"][
        "code"
    ]
    assert sorted(set(codes)) == codes
    assert {"source_not_found", "not_found", "malformed_request", "busy"} <= set(codes)


def test_every_code_that_is_described_is_listed(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    """The descriptions of responses name no code that the enum lacks."""
    codes = set(document["components"]["schemas"]["ProblemCode"]["enum"])
    described = {
        code
        for operation in operations
        for response in operation.spec["responses"].values()
        for code in re.findall(r"^`(\w+)`:", response["description"], re.MULTILINE)
    }

    assert described
    assert described <= codes


def test_answers_name_their_headers(operations: list[Operation]) -> None:
    """Pages have `Link`, created resources `Location`, a 503 `Retry-After`."""
    for name, spec in operations:
        responses = spec["responses"]
        parameters = {parameter["name"] for parameter in spec.get("parameters", ())}
        if "after" in parameters:
            assert "Link" in responses["200"]["headers"], name
        if "201" in responses:
            assert "Location" in responses["201"]["headers"], name
        if "503" in responses:
            assert "Retry-After" in responses["503"]["headers"], name


def test_links_lead_to_operations(operations: list[Operation]) -> None:
    """Each link names an operation and gives its path parameters."""
    by_id = {operation.spec["operationId"]: operation.spec for operation in operations}
    links = {
        (spec["operationId"], link["operationId"]): link["parameters"].keys()
        for _, spec in operations
        for response in spec["responses"].values()
        for link in response.get("links", {}).values()
    }

    for (_, target), given in links.items():
        parameters = by_id[target]["parameters"]
        assert given == {each["name"] for each in parameters if each["in"] == "path"}
    assert {
        ("create_interaction", "read_interaction"),
        ("create_operator", "read_operator"),
        ("create_source", "read_source"),
        ("search_lead", "list_lead_interactions"),
        ("read_lead", "list_lead_interactions"),
    } <= links.keys()


def test_document_has_address_and_description(document: dict[str, Any]) -> None:
    """A generated client needs the address; a reader, the purpose of the service."""
    assert [{"url": "/"}] == document["servers"]
    assert document["info"]["description"]
    assert {"contact", "license"}.isdisjoint(document["info"])


def test_greatest_id_is_exact(document: dict[str, Any]) -> None:
    """2^63 - 1 is not rounded to 2^63, which the service refuses."""
    [parameter] = document["paths"]["/interactions/{interaction_id}"]["get"]["parameters"]
    body = document["components"]["schemas"]["CreateInteraction"]["properties"]["source_id"]

    assert 2**63 - 1 == parameter["schema"]["maximum"] == body["maximum"]
    assert 1 == parameter["schema"]["minimum"] == body["minimum"]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("database_url", "phases"),
    [("sqlite", "examples,coverage,fuzzing,stateful"), ("postgres", "fuzzing,stateful")],
    indirect=["database_url"],
)
async def test_service_conforms_to_the_document(
    server: LiveServer, tmp_path: Path, phases: str
) -> None:
    """Schemathesis sends examples, edge cases and random input, with every check on.

    Edge cases of the schema do not depend on the database.
    """
    pytest.importorskip("schemathesis", reason="needs tests/requirements.txt")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        f"--config-file={ROOT / '.ci' / 'schemathesis.toml'}",
        "--no-color",
        "run",
        f"{server.url}/openapi.json",
        f"--phases={phases}",
        "--continue-on-failure",
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()

    assert 0 == process.returncode, output.decode()
