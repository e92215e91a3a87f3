"""Runs wrk and parses its output."""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.bench.contenders import Server

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


class Measurement(NamedTuple):
    """One run at one number of connections."""

    rate: float
    """Requests per second."""
    p50: float
    """Milliseconds."""
    p99: float
    """Milliseconds."""
    errors: int
    """Answers that are not a success, and failed connections."""
    cpu: float
    """Microseconds of the server's processor time per request."""


def measure(
    server: Server,
    script: Path,
    *,
    connections: int,
    seconds: int,
    leads: Path | None = None,
    keys: bool = False,
) -> Measurement:
    """Load a server for some seconds.

    Args:
        server: the server.
        script: the requests, in Lua.
        connections: the number of connections.
        seconds: the duration.
        leads: a file of UUIDs, for a script that reads pages.
        keys: whether each inquiry has an idempotency key.

    Raises:
        FileNotFoundError: wrk is not installed.
        subprocess.CalledProcessError: wrk failed.

    """
    threads = min(2, connections)
    before = server.cpu()
    output = subprocess.run(
        [
            *("wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"),
            *("--timeout", "10s", "-s", str(script), server.url),
        ],
        env={**os.environ, "LEADS": str(leads), "KEYS": "yes" if keys else ""},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return parse(output, server.cpu() - before)


def parse(output: str, cpu_seconds: float) -> Measurement:
    """The numbers in the output of wrk, during which the server used this processor time."""
    [requests] = re.findall(r"(\d+) requests in ", output)
    [rate] = re.findall(r"Requests/sec:\s+([\d.]+)", output)
    failed = re.findall(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.findall(r"Socket errors: .*", output)
    return Measurement(
        rate=float(rate),
        p50=_percentile(output, 50),
        p99=_percentile(output, 99),
        errors=sum(map(int, failed + re.findall(r"\d+", "".join(broken)))),
        cpu=cpu_seconds / int(requests) * 1e6,
    )


def _percentile(output: str, percent: int) -> float:
    [(value, unit)] = re.findall(rf"^\s+{percent}%\s+([\d.]+)([a-z]+)\s*$", output, re.MULTILINE)
    return float(value) * _UNITS[unit]
