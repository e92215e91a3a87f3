"""`python -m tests.bench`: compares the service with its upper bound and with a plain service."""

import shutil
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tests.bench.growth import Plan, grow_postgres, grow_sqlite
from tests.bench.report import (
    chart,
    comparison_table,
    growth_table,
    machine,
    memory_table,
    pages_table,
    staff_table,
)
from tests.bench.trials import compare_intake, compare_pages, soak_memory
from tests.support.postgres import PostgresDatabases, running_server

CHART = Path(__file__).parent / "chart.svg"
SIZES = (0, 100_000, 1_000_000)
LARGE = 10_000_000


class Part(StrEnum):
    """A part of the benchmark."""

    COMPARE = "compare"
    GROW = "grow"
    SOAK = "soak"


def main(
    parts: Annotated[
        list[Part] | None, typer.Argument(help="By default all but the soak test of memory.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(help="Number of rounds; each measures every server once.")
    ] = 3,
    seconds: Annotated[int, typer.Option(help="Seconds of each measurement.")] = 4,
    large: Annotated[bool, typer.Option(help="Also measure with 10,000,000 interactions.")] = False,
) -> None:
    """Measure and print Markdown; the chart goes to tests/bench/chart.svg."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is required: apt install wrk, or brew install wrk.")
    typer.echo(f"{machine()}\n")
    with (
        tempfile.TemporaryDirectory() as name,
        # Synced, as on SQLite: both give the same guarantee.
        running_server(fsync="on") as postgres,
        PostgresDatabases(postgres.url()) as databases,
    ):
        for part in parts or [Part.COMPARE, Part.GROW]:
            match part:
                case Part.COMPARE:
                    _compare(Path(name), databases, rounds, seconds)
                case Part.GROW:
                    sizes = (*SIZES, LARGE) if large else SIZES
                    _grow(Path(name), databases, Plan(rounds, seconds, sizes))
                case Part.SOAK:
                    typer.echo(f"{memory_table(soak_memory(Path(name)))}\n")


def _compare(folder: Path, databases: PostgresDatabases, rounds: int, seconds: int) -> None:
    intake, memory = compare_intake(folder, databases, rounds, seconds)
    typer.echo(f"{comparison_table(intake, memory)}\n")
    CHART.write_text(chart(intake), encoding="utf-8")
    typer.echo(f"{pages_table(compare_pages(folder, rounds, seconds))}\n")


def _grow(folder: Path, databases: PostgresDatabases, plan: Plan) -> None:
    for name, grown in (
        ("SQLite", grow_sqlite(folder, plan)),
        ("PostgreSQL", grow_postgres(databases, folder, plan)),
    ):
        typer.echo(f"{name}:\n\n{growth_table(grown.load)}\n")
        typer.echo(f"{staff_table(grown.staff)}\n")


if __name__ == "__main__":
    typer.run(main)
