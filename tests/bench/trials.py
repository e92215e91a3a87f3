"""The trials: who is measured on what, in which order."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.bench.contenders import CONTENDERS, serving
from tests.bench.fill import PAGE_ROWS, fill
from tests.bench.wrk import Measurement, measure

CONNECTIONS = (1, 8, 32, 64, 128)
SIZES = (0, 100_000, 1_000_000)
"""Interactions stored before a trial of growth."""

_INTAKE = Path(__file__).parent / "intake.lua"
_PAGES = Path(__file__).parent / "pages.lua"
_WARM_UP = 1
_SOAK_SECONDS = 10

Trials = dict[tuple[str, int], list[Measurement]]
"""The rounds of each contender, or kind of request, at each number of connections or rows."""


def compare_intake(folder: Path, rounds: int, seconds: int) -> tuple[Trials, dict[str, float]]:
    """Every contender takes inquiries in, in turn, each time into an empty database.

    Returns:
        The measurements, and the MiB of memory that each contender ended with.

    """
    measured: Trials = defaultdict(list)
    memory: dict[str, float] = {}
    for turn in range(rounds):
        for contender in CONTENDERS:
            database = folder / f"{turn}-{contender.replace(' ', '-')}.db"
            journal = "DELETE" if contender == "plain" else "WAL"
            fill(database, 0, journal=journal, limits=contender == "service with limits")
            with serving(contender, database) as server:
                measure(server.url, _INTAKE, connections=8, seconds=_WARM_UP)
                for connections in CONNECTIONS:
                    measured[contender, connections].append(
                        measure(server.url, _INTAKE, connections=connections, seconds=seconds)
                    )
                memory[contender] = server.memory()
    return measured, memory


def compare_pages(folder: Path, rounds: int, seconds: int) -> Trials:
    """The service and the ceiling give a lead's interactions back."""
    measured: Trials = defaultdict(list)
    database, leads = folder / "pages.db", folder / "pages.txt"
    leads.write_text("\n".join(fill(database, 10_000 * PAGE_ROWS)), encoding="ascii")
    for _ in range(rounds):
        for contender in ("ceiling", "service"):
            with serving(contender, database) as server:
                measure(server.url, _PAGES, connections=8, seconds=_WARM_UP, leads=leads)
                measured[contender, 32].append(
                    measure(server.url, _PAGES, connections=32, seconds=seconds, leads=leads)
                )
    return measured


def soak_memory(folder: Path) -> dict[int, float]:
    """MiB of the service's memory after each 200,000 or so of a million requests."""
    database = folder / "soak.db"
    fill(database, 0)
    memory: dict[int, float] = {}
    requests = 0.0
    with serving("service", database) as server:
        while requests < 1_000_000:
            goal = requests + 200_000
            while requests < goal:
                measured = measure(server.url, _INTAKE, connections=64, seconds=_SOAK_SECONDS)
                requests += measured.rate * _SOAK_SECONDS
            memory[round(requests)] = server.memory()
    return memory


def grow(folder: Path, rounds: int, seconds: int, sizes: Sequence[int]) -> Trials:
    """The service on databases of growing size; on the empty one it reads a lead that waits."""
    measured: Trials = defaultdict(list)
    leads = folder / "leads.txt"
    for size in sizes:
        database = folder / f"{size}.db"
        leads.write_text("\n".join(fill(database, max(size, PAGE_ROWS))), encoding="ascii")
        with serving("service", database) as server:
            measure(server.url, _INTAKE, connections=8, seconds=_WARM_UP)
            for _ in range(rounds):
                for connections in (1, 32):
                    measured[f"POST at {connections}", size].append(
                        measure(server.url, _INTAKE, connections=connections, seconds=seconds)
                    )
                    measured[f"GET at {connections}", size].append(
                        measure(
                            server.url,
                            _PAGES,
                            connections=connections,
                            seconds=seconds,
                            leads=leads,
                        )
                    )
    return measured
