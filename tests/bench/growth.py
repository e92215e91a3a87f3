"""Measures the service on databases of growing size."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import httpx

from tests.bench.contenders import Server, serving, sqlite_url
from tests.bench.fill import PAGE_ROWS, fill, fill_postgres
from tests.bench.trials import INTAKE, PAGES, WARM_UP, Trials
from tests.bench.wrk import measure
from tests.support.postgres import PostgresDatabases

_CONNECTIONS = (1, 32)
_REPEATS = 100


class Growth(NamedTuple):
    """The measurements of one kind of database."""

    load: Trials
    """Inquiries and pages under load, by kind of request and number of interactions."""
    staff: dict[tuple[str, int], float]
    """Median milliseconds of single requests of staff and admins, likewise."""


class Plan(NamedTuple):
    """What to measure."""

    rounds: int
    seconds: int
    """Of each measurement."""
    sizes: Sequence[int]
    """Numbers of interactions in the database before the measurements."""


Fill = Callable[[int], AbstractContextManager[tuple[str, list[str]]]]
"""Opens a database with so many interactions: its URL, and UUIDs of some of its leads."""


def grow_sqlite(folder: Path, plan: Plan) -> Growth:
    """Measure the service on SQLite."""

    @contextmanager
    def filled(size: int) -> Iterator[tuple[str, list[str]]]:
        with TemporaryDirectory(dir=folder) as name:
            path = Path(name, "grown.db")
            yield sqlite_url(path), fill(path, size)

    return _grow("service", filled, folder, plan)


def grow_postgres(databases: PostgresDatabases, folder: Path, plan: Plan) -> Growth:
    """Measure the service on PostgreSQL."""

    @contextmanager
    def filled(size: int) -> Iterator[tuple[str, list[str]]]:
        with databases.fresh() as url:
            yield url, fill_postgres(url, size)

    return _grow("service, PostgreSQL", filled, folder, plan)


def _grow(contender: str, filled: Fill, folder: Path, plan: Plan) -> Growth:
    load: Trials = defaultdict(list)
    staff: dict[tuple[str, int], float] = {}
    leads = folder / "leads.txt"
    for size in plan.sizes:
        # The empty database has one lead to read.
        with filled(max(size, PAGE_ROWS)) as (url, uuids), serving(contender, url) as server:
            leads.write_text("\n".join(uuids), encoding="ascii")
            measure(server, INTAKE, connections=8, seconds=WARM_UP)
            for _ in range(plan.rounds):
                for connections in _CONNECTIONS:
                    for kind, script in (("POST", INTAKE), ("GET", PAGES)):
                        load[f"{kind} at {connections}", size].append(
                            measure(
                                server,
                                script,
                                connections=connections,
                                seconds=plan.seconds,
                                leads=leads,
                            )
                        )
            staff |= {(kind, size): ms for kind, ms in _staff_requests(server).items()}
    return Growth(load, staff)


def _staff_requests(server: Server) -> dict[str, float]:
    """Median milliseconds of each kind of request."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        [newest] = client.get("/interactions", params={"limit": 1, "is_active": "true"}).json()
        kinds: dict[str, Callable[[int], httpx.Response]] = {
            "close": lambda number: client.post(f"/interactions/{newest['id'] + number}/close"),
            "queue": lambda _: client.get("/interactions", params={"waiting": "true"}),
            "source report": lambda _: client.get("/stats/sources/1"),
            "operators' loads": lambda _: client.get("/stats/operators"),
        }
        return {kind: _median_ms(request) for kind, request in kinds.items()}


def _median_ms(request: Callable[[int], httpx.Response]) -> float:
    seconds = []
    for number in range(_REPEATS):
        begin = perf_counter()
        request(number).raise_for_status()
        seconds.append(perf_counter() - begin)
    return median(seconds) * 1000
