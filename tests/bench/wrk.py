"""Runs wrk and parses its output."""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

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


def measure(
    url: str, script: Path, *, connections: int, seconds: int, leads: Path | None = None
) -> Measurement:
    """Load a server for some seconds.

    Raises:
        FileNotFoundError: wrk is not installed.
        subprocess.CalledProcessError: wrk failed.

    """
    threads = min(2, connections)
    output = subprocess.run(
        [
            *("wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"),
            *("--timeout", "10s", "-s", str(script), url),
        ],
        env={**os.environ, "LEADS": str(leads)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return parse(output)


def parse(output: str) -> Measurement:
    """The numbers in the output of wrk."""
    [rate] = re.findall(r"Requests/sec:\s+([\d.]+)", output)
    failed = re.findall(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.findall(r"Socket errors: .*", output)
    return Measurement(
        rate=float(rate),
        p50=_percentile(output, 50),
        p99=_percentile(output, 99),
        errors=sum(map(int, failed + re.findall(r"\d+", "".join(broken)))),
    )


def _percentile(output: str, percent: int) -> float:
    [(value, unit)] = re.findall(rf"^\s+{percent}%\s+([\d.]+)([a-z]+)\s*$", output, re.MULTILINE)
    return float(value) * _UNITS[unit]
