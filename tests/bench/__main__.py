"""`python -m tests.bench`: how fast the service is, beside what bounds it and what it replaces."""

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
    rounds: Annotated[int, typer.Option(help="Rounds, in each of which all take their turn.")] = 3,
    seconds: Annotated[int, typer.Option(help="Length of one measurement.")] = 4,
    growth: Annotated[bool, typer.Option(help="Measure on large databases, too.")] = True,
    soak: Annotated[bool, typer.Option(help="Watch memory over a million requests.")] = False,
    large: Annotated[bool, typer.Option(help="Also with 10,000,000 interactions.")] = False,
) -> None:
    """Measure and print Markdown; the chart goes to tests/bench/chart.svg."""
    if shutil.which("wrk") is None:
        raise SystemExit("This needs wrk: apt install wrk, or brew install wrk.")
    typer.echo(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Synced, as on SQLite: what is compared keeps the same promise.
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
