"""Run a program that reads an exported file."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from token2metrics.export.checking.tool import LONGEST_RUN_S, SHOWN_LINES, ExportError


def run_tool(command: Sequence[str], folder: Path, standard_input: str = "") -> str:
    """Return what a program writes to standard output.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        standard_input: What it reads.

    Raises:
        ExportError: If it fails or takes too long.
    """
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            input=standard_input,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_RUN_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"cannot check the export with {command[0]}: {error}") from error
    if ended.returncode:
        words = " ".join(ended.stderr.split("\n")[:SHOWN_LINES])
        raise ExportError(f"{command[0]} refused the export: {words}")
    return ended.stdout
