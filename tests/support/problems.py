"""What every error answer looks like, whatever went wrong."""

from typing import Any

import httpx


def read_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of an error answer, found to be a complete problem of this status and code."""
    assert status == response.status_code, response.text
    assert "application/problem+json" == response.headers["Content-Type"]
    problem: dict[str, Any] = response.json()
    assert status == problem["status"]
    assert code == problem["code"]
    assert f"urn:lead-distribution:problem:{code}" == problem["type"]
    assert response.headers["X-Request-ID"] == problem["request_id"]
    assert problem["title"]
    assert problem["detail"]
    assert (422 == status) == ("errors" in problem)
    return problem


def pointers(problem: dict[str, Any]) -> set[tuple[str, str]]:
    """Where a 422 found faults: the part of the request and the JSON pointer into it."""
    return {(error["in"], error["pointer"]) for error in problem["errors"]}
