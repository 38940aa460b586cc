"""The option of commands that draw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import OUTPUT
from token2metrics.errors import ConfigurationError
from token2metrics.figures.suffixes import SUFFIXES


def _drawable(path: Path | None) -> Path | None:
    """Refuse pictures of a kind that is not drawn, before any work.

    Raises:
        ConfigurationError: If the name ends otherwise.
    """
    if path is not None and path.suffix.lower() not in SUFFIXES:
        raise ConfigurationError(
            f"expected --plot FILE to end in {' or '.join(SUFFIXES)}, got {path}"
        )
    return path


Picture = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        callback=_drawable,
        help="Draw the result too: PNG or SVG, by suffix.",
        rich_help_panel=OUTPUT,
    ),
]
