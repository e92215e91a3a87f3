"""How a process begins: its settings, and a word on names that look like settings and are none."""

import logging
import multiprocessing
import os
import sys
from pathlib import Path

from app.core.config import ENV_FILE, Settings, load_settings
from app.core.logging import format_outside_log, log_line
from app.core.setting_names import doubtful_names

WORKER = "worker"
"""The name of a process that `serve --workers` has started; that one says what there is to say."""


def begin() -> Settings:
    """The settings in force; doubtful names are warned of on stderr.

    Raises:
        SystemExit: a setting is unusable; its message is one line that names the variable.

    """
    settings = load_settings()
    format_outside_log(settings.log_format)
    if not is_worker() and settings.log_level != "error":
        known = [name.upper() for name in Settings.model_fields]
        for sentence in doubtful_names(Path(ENV_FILE), os.environ, known):
            print(log_line(settings.log_format, logging.WARNING, sentence), file=sys.stderr)
    return settings


def is_worker() -> bool:
    """Whether this is one of several processes that `serve --workers` has started."""
    return multiprocessing.current_process().name == WORKER
