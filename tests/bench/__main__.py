"""`python -m tests.bench`: compares the service with its upper bound and with a plain service."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tests.bench.report import (
    chart,
    comparison_table,
    growth_table,
    machine,
    memory_table,
    pages_table,
)
from tests.bench.trials import SIZES, compare_intake, compare_pages, grow, soak_memory
from tests.support.postgres import PostgresDatabases, running_server

CHART = Path(__file__).parent / "chart.svg"


def main(
    rounds: Annotated[
        int, typer.Option(help="Number of rounds; each measures every server once.")
    ] = 3,
    seconds: Annotated[int, typer.Option(help="Seconds of each measurement.")] = 4,
    growth: Annotated[bool, typer.Option(help="Also measure on large databases.")] = True,
    soak: Annotated[
        bool, typer.Option(help="Also measure memory over a million requests.")
    ] = False,
    large: Annotated[bool, typer.Option(help="Also measure with 10,000,000 interactions.")] = False,
) -> None:
    """Measure and print Markdown; the chart goes to tests/bench/chart.svg."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is required: apt install wrk, or brew install wrk.")
    typer.echo(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Synced, as on SQLite: both give the same guarantee.
        with (
            running_server(fsync="on") as postgres,
            PostgresDatabases(postgres.url()) as databases,
        ):
            intake, memory = compare_intake(folder, databases, rounds, seconds)
        typer.echo(f"{comparison_table(intake, memory)}\n")
        CHART.write_text(chart(intake), encoding="utf-8")
        typer.echo(f"{pages_table(compare_pages(folder, rounds, seconds))}\n")
        if growth:
            sizes = (*SIZES, 10_000_000) if large else SIZES
            typer.echo(f"{growth_table(grow(folder, rounds, seconds, sizes))}\n")
        if soak:
            typer.echo(f"{memory_table(soak_memory(folder))}\n")


if __name__ == "__main__":
    typer.run(main)
