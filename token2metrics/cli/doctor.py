"""``doctor``: the defects of measurement files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from token2metrics.cli.options import AsJson
from token2metrics.cli.session import session_of
from token2metrics.extras import needing
from token2metrics.report.doctor import show_examination

if TYPE_CHECKING:
    from token2metrics.data.formats import FormatContext
    from token2metrics.settings import Settings

SOMETHING_MUST_BE_FIXED = 1
UNNAMED_DEVICE = "unnamed"
UNNAMED_SERVER = "server"

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help="Measurements of any known format.", show_default=False),
]


def doctor(context: typer.Context, files: Files, as_json: AsJson = False) -> None:
    """Find the defects of measurements, with their evidence.

    Leaves with 1 when something must be fixed, with 2 when a file cannot be read, else with 0.

    Example: [bold]python main.py doctor rows.parquet[/]
    """
    session = session_of(context)
    with needing("examining"):
        from token2metrics.doctor.examination import examine_files
    examination = examine_files(files, _context(session.settings))
    if as_json:
        session.show_json(examination)
    else:
        show_examination(session.console, examination)
    if examination.must_be_fixed:
        raise typer.Exit(SOMETHING_MUST_BE_FIXED)


def _context(settings: Settings) -> FormatContext:
    """Know the names of all models, and call what a file leaves unnamed so."""
    from token2metrics.data.formats import FormatContext, model_resolver
    from token2metrics.experiments import experiments_directory, load_catalog

    models = [one.model for one in load_catalog(experiments_directory(settings.configs))]
    names = {name: one.id for one in models for name in (one.id, one.name, *one.aliases)}
    return FormatContext(UNNAMED_DEVICE, UNNAMED_SERVER, model_resolver(names))
