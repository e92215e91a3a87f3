"""`python -m tests.bench`: how fast the service is, beside what bounds it and what it replaces."""

import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from tests.bench.contenders import CONTENDERS, serving
from tests.bench.fill import fill
from tests.bench.report import comparison_table, growth_table, machine, write_chart
from tests.bench.wrk import Measurement, measure

HERE = Path(__file__).parent
CONNECTIONS = (1, 8, 32, 64, 128)
SIZES = (0, 100_000, 1_000_000)
WARM_UP = 1


def main(
    rounds: Annotated[int, typer.Option(help="Rounds, in each of which all take their turn.")] = 3,
    seconds: Annotated[float, typer.Option(help="Length of one measurement.")] = 4,
    growth: Annotated[bool, typer.Option(help="Measure on large databases, too.")] = True,
    large: Annotated[bool, typer.Option(help="Also with 10,000,000 interactions.")] = False,
) -> None:
    """Measure and print Markdown; the chart goes to tests/bench/chart.svg."""
    if shutil.which("wrk") is None:
        raise SystemExit("This needs wrk: apt install wrk, or brew install wrk.")
    with tempfile.TemporaryDirectory() as folder:
        typer.echo(f"{machine()}\n")
        _compare(Path(folder), rounds, seconds)
        if growth:
            _grow(Path(folder), rounds, seconds, (*SIZES, 10_000_000) if large else SIZES)


def _compare(folder: Path, rounds: int, seconds: float) -> None:
    measured: dict[tuple[str, int], list[Measurement]] = defaultdict(list)
    memory: dict[str, float] = {}
    for turn in range(rounds):
        for contender in CONTENDERS:
            database = folder / f"{contender}{turn}.db"
            fill(database, 0, journal="DELETE" if contender == "plain" else "WAL")
            with serving(contender, database) as server:
                measure(server.url, INTAKE, connections=8, seconds=WARM_UP)
                for connections in CONNECTIONS:
                    measured[contender, connections].append(
                        measure(server.url, INTAKE, connections=connections, seconds=seconds)
                    )
                memory[contender] = server.memory()
    typer.echo(f"{comparison_table(measured, memory)}\n")
    (HERE / "chart.svg").write_text(chart(measured), encoding="utf-8")


def _grow(folder: Path, rounds: int, seconds: float, sizes: tuple[int, ...]) -> None:
    leads = folder / "leads"
    measured: dict[int, dict[str, list[Measurement]]] = {}
    for size in sizes:
        database = folder / f"{size}.db"
        leads.write_text("\n".join(fill(database, size)), encoding="ascii")
        kinds = measured[size] = defaultdict(list)
        with serving("service", database) as server:
            for connections in GROWTH_CONNECTIONS:
                for _ in range(rounds):
                    kinds[f"GET, {connections} connections"].append(
                        measure(server.url, PAGES, connections=connections, seconds=seconds, leads=leads)
                    )
                    kinds[f"POST, {connections} connections"].append(
                        measure(server.url, INTAKE, connections=connections, seconds=seconds)
                    )
    typer.echo(f"{growth_table(measured)}\n")
    _compare_pages(folder, leads, seconds)


if __name__ == "__main__":
    typer.run(main)
