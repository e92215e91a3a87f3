"""Runs the command line in separate processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import app
from app.core.config import Settings

PYTHON_APP = ("-m", "app")
UVICORN = ("-m", "uvicorn", "app.main:app")

_ROOT = Path(app.__file__).parents[1]
_TERMINAL_VARIABLES = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "PYTHONWARNINGS"}


def run_command(
    *arguments: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder and wait until it exits."""
    with running_command(*arguments, folder=folder, **variables) as process:
        output, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


@contextmanager
def running_command(
    *arguments: str, folder: Path, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run Python in a folder, and kill it at the end of the block if it still runs."""
    excluded = {name.upper() for name in Settings.model_fields} | _TERMINAL_VARIABLES
    inherited = {name: value for name, value in os.environ.items() if name not in excluded}
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **inherited,
            "PYTHONPATH": str(_ROOT),
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUNBUFFERED": "1",
            **variables,
        },
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The output of a process up to the line with this text, or all output if no line has it."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if text in line:
            break
    return read
