"""Where settings are looked for, and whether there are any.

Most runs have none; they need not import what reads and checks them.
"""

from __future__ import annotations

import os
from pathlib import Path

ENVIRONMENT_PREFIX = "TOKEN2METRICS_"
SETTINGS_FILE_VARIABLE = "TOKEN2METRICS_SETTINGS"
DEFAULT_SETTINGS_FILE = Path("token2metrics.toml")

DEFAULT_OUTPUT = Path("outputs")
"""Directory of the trained artifact where no setting names another."""


def settings_are_given() -> bool:
    """Return whether the environment or a file may hold settings, right or wrong."""
    variables = any(name.upper().startswith(ENVIRONMENT_PREFIX) for name in os.environ)
    return variables or DEFAULT_SETTINGS_FILE.is_file()
