"""The command line: `python -m app serve | demo | migrate | backup | restore | copy`."""

import asyncio
import logging
import re
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from app import __version__
from app.core.config import check_database_url, load_settings, log_format, refusal
from app.core.descriptors import allow_all_descriptors
from app.core.errors import Interrupted, MaintenanceError, ServiceError, StartupError
from app.core.logging import Log, for_terminal
from app.core.startup import begin
from app.db.database import Database
from app.db.migrate import head_revision
from app.maintenance.backup import back_up
from app.maintenance.copy import copy_database
from app.maintenance.restore import restore as restore_backup
from app.server.serve import listening, run_until_signal
from app.server.workers import run_workers

cli = typer.Typer(
    help="The lead distribution service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _root_path(value: str) -> str:
    path = value.rstrip("/")
    if path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        raise typer.BadParameter("must be a path such as /leads-api")
    return path


Port = Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 picks a free one.")]


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"lead-distribution {__version__}")
        raise typer.Exit


@cli.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """The lead distribution service."""


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, help="Number of processes; more than one requires PostgreSQL."),
    ] = 1,
    root_path: Annotated[
        str,
        typer.Option(
            callback=_root_path,
            help="The path under which a proxy serves the API, such as /leads-api.",
        ),
    ] = "",
) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    allow_all_descriptors()
    if workers > 1:
        run_workers(host, port, workers, root_path, _announce)
    else:
        run_until_signal(_serve_one_process(host, port, root_path))


async def _serve_one_process(host: str, port: int, root_path: str) -> None:
    from app.main import app  # noqa: PLC0415  # reads the settings, which --help does not need

    settings = load_settings()
    async with listening(app, host, port, settings=settings, root_path=root_path) as url:
        _announce(url, app.state.database)
        await asyncio.Event().wait()


def _announce(url: str, database: Database) -> None:
    new = " (new)" if database.is_new else ""
    _print(
        f"Serving on {url}, Swagger UI on {url}/docs. Database: {database.location}{new}. "
        "Press Ctrl-C to stop.",
        url=url,
        database=database.location,
        new=database.is_new,
    )


def _print(sentence: str, **fields: object) -> None:
    typer.echo(for_terminal(log_format(), logging.INFO, sentence, **fields))


@cli.command()
def demo(
    port: Port = 0,
    exit: Annotated[bool, typer.Option("--exit", help="Exit after the report.")] = False,
) -> None:
    """Run the service on a temporary database and send it 1,000 inquiries."""
    from app.demo.story import tell  # noqa: PLC0415  # loads the app, and so the settings

    if run_until_signal(tell(port, stay=not exit)) is False:
        raise typer.Exit(1)


@cli.command()
def migrate() -> None:
    """Upgrade the database schema, as every start of the service does."""
    settings = begin()
    database = Database(settings.database_url)

    async def upgrade() -> None:
        log = Log(settings.log_format, settings.log_level)
        async with log.installed(), database.serving():
            _print(f"{database.name} is at revision {head_revision()}.")

    run_until_signal(upgrade())


@cli.command()
def backup(file: Annotated[Path, typer.Argument(help="A file that does not exist yet.")]) -> None:
    """Copy the SQLite database to a file; the service may be running."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    back_up(begin().database_url, file)
    _print(f"{file} is complete and has passed the integrity check.")


@cli.command()
def restore(
    file: Annotated[
        Path, typer.Argument(help="A backup, or a database that an earlier restore kept.")
    ],
) -> None:
    """Replace the SQLite database with a backup and keep the old one; stop the service first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    aside = restore_backup(begin().database_url, file)
    kept = (
        f"the previous database is now {aside.name}" if aside else "there was no previous database"
    )
    _print(f"Restored the database from {file}, which has passed the integrity check; {kept}.")


def _database_url(value: str) -> str:
    try:
        return check_database_url(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@cli.command()
def copy(
    source: Annotated[
        str,
        typer.Option("--from", callback=_database_url, metavar="URL", help="The database to copy."),
    ],
    target: Annotated[
        str,
        typer.Option(
            "--to", callback=_database_url, metavar="URL", help="The empty database to copy to."
        ),
    ],
) -> None:
    """Copy a database to an empty one, on SQLite or PostgreSQL; stop the service first."""
    rows = run_until_signal(copy_database(source, target))
    if rows is None:
        raise MaintenanceError("the copy was interrupted.")
    _print(f"{rows:,} rows copied, read back and verified.")


def main() -> None:
    """Run a command; report an expected error in one line on stderr."""
    try:
        cli(prog_name="python -m app")
    except StartupError as error:
        sys.exit(refusal(str(error)))
    except ServiceError as error:
        # The database became unavailable after it was migrated.
        sys.exit(refusal(error.message()))
    except MaintenanceError as error:
        sys.exit(for_terminal(log_format(), logging.ERROR, f"Nothing was written: {error}"))
    except Interrupted as error:
        sys.exit(for_terminal(log_format(), logging.ERROR, str(error)))


if __name__ == "__main__":
    main()
