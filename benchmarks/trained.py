"""What speed is measured on: shipped models, trained on the bundled rows, and their exports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "main.py"


def trained_artifact(folder: Path, model: str | None = None) -> Path:
    """Train as a user does, and return the artifact's directory.

    Args:
        folder: Where the artifact goes.
        model: The only model that is needed; None for all of them.
    """
    wanted = ("--all-models",) if model is None else ("--model", model)
    run("train", *wanted, "--output", folder / "artifact")
    return folder / "artifact"


def exported_model(artifact: Path, model: str, file: Path) -> Path:
    """Export one model of an artifact, and return the file.

    Args:
        artifact: The artifact.
        model: Name of the model.
        file: What to write; its name says the format.
    """
    run("export", "--artifact", artifact, "--model", model, "--output", file, "--no-check")
    return file


def run(*arguments: object) -> None:
    """Run the program.

    Raises:
        CalledProcessError: If it fails.
    """
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
