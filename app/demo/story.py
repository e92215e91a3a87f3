"""Runs the demo from start to end."""

import asyncio
import io
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.core.config import load_settings
from app.core.email import fold_email
from app.demo.bots import BOTS, post_all
from app.demo.inquiries import SampleInquiry, inquire
from app.demo.report import (
    answers_line,
    history_table,
    moves_table,
    queue_table,
    shares_table,
)
from app.demo.rush import rush
from app.demo.staff import read_history, read_pages
from app.demo.team import Team, assemble
from app.main import create_app
from app.server.serve import listening

INQUIRIES = 1_000


async def tell(port: int, *, stay: bool) -> bool:
    """Run the demo; with `stay`, keep serving until cancelled.

    Returns:
        Whether every inquiry was accepted; if not, there is no report.

    Raises:
        StartupError: the port cannot be used.

    """
    console = _console()
    with TemporaryDirectory(prefix="lead-distribution-") as folder:
        settings = load_settings().model_copy(
            update={
                "database_url": f"sqlite:///{Path(folder, 'demo.db')}",
                # A log line per request would break the progress bar.
                "log_level": "warning",
            }
        )
        async with listening(create_app(settings), "127.0.0.1", port, settings=settings) as url:
            console.print(f"The service listens on {url}; its database is temporary.")
            # Ignores a proxy that the environment may name.
            async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
                team = await assemble(client)
                inquiries = inquire(INQUIRIES, list(team.sources))
                accepted = await _post_with_progress(console, client, inquiries)
                if not accepted:
                    console.print("Not every inquiry was accepted: the demo failed.")
                    return False
                await _report(console, client, team, inquiries)
            console.print(f"Swagger UI: {url}/docs")
            if stay:
                console.print(
                    "The service keeps running; Ctrl-C stops it and removes the database."
                )
                await asyncio.Event().wait()
    return True


def _console() -> Console:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Some terminals' encodings lack letters that leads write.
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False)


async def _post_with_progress(
    console: Console, client: httpx.AsyncClient, inquiries: list[SampleInquiry]
) -> bool:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    begin = perf_counter()
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(f"{BOTS} bots post inquiries", total=len(inquiries))
        answers = await post_all(client, inquiries, lambda: progress.advance(task))
    console.print(answers_line(answers, perf_counter() - begin))
    return answers[httpx.codes.CREATED] == len(inquiries)


async def _report(
    console: Console, client: httpx.AsyncClient, team: Team, inquiries: list[SampleInquiry]
) -> None:
    picks = {
        source_id: Counter(
            [
                interaction["operator_id"]
                async for interaction in read_pages(client, "/interactions", source_id=source_id)
            ]
        )
        for source_id in team.sources
    }
    settings = {
        source_id: (await client.get(f"/sources/{source_id}/operators")).raise_for_status().json()
        for source_id in team.sources
    }
    leads = Counter(fold_email(inquiry.email) for inquiry in inquiries)
    console.print(f"{len(leads)} leads, {sum(n > 1 for n in leads.values())} of them returning.\n")
    console.print(shares_table(team, settings, picks))
    [(email, _)] = leads.most_common(1)
    console.print(history_table(team, email, await read_history(client, email)))
    night = await rush(client)
    console.print(queue_table(night))
    console.print(moves_table(night))
