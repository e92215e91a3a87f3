"""The trials: which server is measured on which database, in which order."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.contenders import CEILING, CONTENDERS, Contender, serving, sqlite_url
from tests.bench.fill import LIMITS, PAGE_ROWS, SETTINGS, fill
from tests.bench.wrk import Measurement, measure
from tests.support.postgres import PostgresDatabases
from tests.support.rows import open_rows

CONNECTIONS = (1, 8, 32, 64, 128)
PAGE_CONNECTIONS = (1, 32)

INTAKE = Path(__file__).parent / "intake.lua"
PAGES = Path(__file__).parent / "pages.lua"
WARM_UP = 1
"""Seconds before the first measurement of a server."""
_SOAK_SECONDS = 10

Trials = dict[tuple[str, int], list[Measurement]]
"""The rounds by contender or kind of request, and by number of connections or rows."""


def compare_intake(
    folder: Path, databases: PostgresDatabases, rounds: int, seconds: int
) -> tuple[Trials, dict[str, float]]:
    """Measure the intake of every contender in turn, each time on an empty database.

    Returns:
        The measurements, and the MiB of memory of each contender's first process at the end.

    """
    measured: Trials = defaultdict(list)
    memory: dict[str, float] = {}
    for _ in range(rounds):
        for name, contender in CONTENDERS.items():
            with _database(contender, folder, databases) as url, serving(name, url) as server:
                measure(server, INTAKE, connections=8, seconds=WARM_UP, keys=contender.keys)
                for connections in CONNECTIONS:
                    measured[name, connections].append(
                        measure(
                            server,
                            INTAKE,
                            connections=connections,
                            seconds=seconds,
                            keys=contender.keys,
                        )
                    )
                memory[name] = server.memory()
    return measured, memory


@contextmanager
def _database(contender: Contender, folder: Path, databases: PostgresDatabases) -> Iterator[str]:
    """The URL of an empty database, until the block ends."""
    if contender.store == "postgres":
        with databases.fresh() as url:
            with open_rows(url) as rows:
                rows.executescript(SETTINGS + LIMITS * contender.limits)
            yield url
        return
    with TemporaryDirectory(dir=folder) as name:
        path = Path(name, "bench.db")
        fill(path, 0, journal="DELETE" if contender.store == "journal" else "WAL")
        with closing(sqlite3.connect(path)) as sqlite:
            sqlite.executescript(LIMITS * contender.limits)
        yield sqlite_url(path)


def compare_pages(folder: Path, rounds: int, seconds: int) -> Trials:
    """Measure how the service and the ceiling return a lead's interactions."""
    measured: Trials = defaultdict(list)
    database, leads = folder / "pages.db", folder / "pages.txt"
    leads.write_text("\n".join(fill(database, 10_000 * PAGE_ROWS)), encoding="ascii")
    for _ in range(rounds):
        for contender in ("bare ASGI", CEILING, "service"):
            with serving(contender, sqlite_url(database)) as server:
                measure(server, PAGES, connections=8, seconds=WARM_UP, leads=leads)
                for connections in PAGE_CONNECTIONS:
                    measured[contender, connections].append(
                        measure(
                            server,
                            PAGES,
                            connections=connections,
                            seconds=seconds,
                            leads=leads,
                        )
                    )
    return measured


def soak_memory(folder: Path) -> dict[int, float]:
    """MiB of the service's memory after about every 200,000 of a million requests."""
    database = folder / "soak.db"
    fill(database, 0)
    memory: dict[int, float] = {}
    requests = 0.0
    with serving("service", sqlite_url(database)) as server:
        while requests < 1_000_000:
            goal = requests + 200_000
            while requests < goal:
                measured = measure(server, INTAKE, connections=64, seconds=_SOAK_SECONDS)
                requests += measured.rate * _SOAK_SECONDS
            memory[round(requests)] = server.memory()
    return memory
