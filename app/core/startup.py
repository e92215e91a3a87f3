"""Start of a process: loads its settings and warns of names that only look like settings."""

import logging
import multiprocessing
import os
import sys
from pathlib import Path

from app.core.config import ENV_FILE, Settings, load_settings
from app.core.logging import format_outside_log, log_line
from app.core.setting_names import doubtful_names

WORKER = "worker"
"""The name of the processes that `serve --workers` starts; their supervisor logs the warnings."""


def begin() -> Settings:
    """Load the settings, and warn of doubtful names on stderr.

    Raises:
        SystemExit: a setting is invalid; the message is one line that names the variable.

    """
    settings = load_settings()
    format_outside_log(settings.log_format)
    if not is_worker() and settings.log_level != "error":
        known = [name.upper() for name in Settings.model_fields]
        for sentence in doubtful_names(Path(ENV_FILE), os.environ, known):
            print(log_line(settings.log_format, logging.WARNING, sentence), file=sys.stderr)
    return settings


def is_worker() -> bool:
    """Whether `serve --workers` started this process."""
    return multiprocessing.current_process().name == WORKER
