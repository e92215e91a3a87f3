"""The line of a request is formatted without structlog, in the form of all other lines."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest

from app.core.logging import Log, LogFormat, LogLevel, log_line

FIELDS = {"method": "POST", "route": "/interaction", "status": 201, "ms": 1.5, "request_id": "a-id"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


async def _printed(
    format: LogFormat, level: LogLevel, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    log = Log(format, level)
    async with log.installed():
        log.request("POST", "/interaction", 201, 1.5, "a-id")
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("format", ["human", "json"])
async def test_form_of_a_line(format: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    """It differs from a line of structlog's only in its time."""
    [line] = await _printed(format, "info", capsys)

    expected = log_line(format, logging.INFO, "request", **FIELDS)
    assert _TIME.sub("now", expected) == _TIME.sub("now", line)
    [time] = _TIME.findall(line)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(time)) < timedelta(minutes=1)


async def test_line_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers are numbers."""
    [line] = await _printed("json", "info", capsys)

    found = json.loads(line)
    assert {**FIELDS, "level": "info", "event": "request"} == {
        name: value for name, value in found.items() if name != "timestamp"
    }


@pytest.mark.parametrize("level", ["warning", "error"])
async def test_level_without_requests(level: LogLevel, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of a request is information."""
    assert [] == await _printed("human", level, capsys)
