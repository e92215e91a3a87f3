"""Checks of the one format that all error answers have."""

from typing import Any

import httpx


def read_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a complete problem of this status and code; returns its body."""
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
    """The errors of a 422: for each, the part of the request and the JSON pointer into it."""
    return {(error["in"], error["pointer"]) for error in problem["errors"]}
