"""The measurements that ship with the package."""

from importlib.resources import files
from pathlib import Path

PACKAGE = "token2metrics.data"
FOLDER = "measurements"


def bundled_paths() -> tuple[Path, ...]:
    """Return the bundled measurement files in alphabetical order."""
    folder = Path(str(files(PACKAGE) / FOLDER))
    return tuple(sorted(folder.glob("*.csv")))
