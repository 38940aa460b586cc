"""Options of ``monitor`` alone."""

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import OUTPUT
from token2metrics.monitoring.check import DEFAULT_MIN_REQUESTS
from token2metrics.monitoring.plausible import MOST_TIMES

CHECK = "Check"
DRIFT = "Drift"
UPDATE = "Update"
DEFAULT_MAX_MAPE = 5.0

Requests = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="Finished requests: CSV with a header, or JSON lines; - follows standard input.",
        show_default=False,
    ),
]
SmallestChange = Annotated[
    float,
    typer.Option(
        "--change",
        metavar="PERCENT",
        help="The smallest lasting change worth an alarm.",
        rich_help_panel=DRIFT,
    ),
]
FalseAlarmsPer = Annotated[
    int,
    typer.Option(
        "--false-alarms-per",
        metavar="REQUESTS",
        help="At most one false alarm in so many requests, of each metric.",
        rich_help_panel=DRIFT,
    ),
]
Update = Annotated[
    bool,
    typer.Option(
        "--update",
        help="Let the level of each phase follow, and write it into the artifact; more than "
        f"{MOST_TIMES:g} times the fit, either way, is refused.",
        rich_help_panel=UPDATE,
    ),
]
UpdatedArtifact = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Write the updated artifact here, and leave the one that was read.",
        rich_help_panel=UPDATE,
    ),
]
StateFile = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="FILE",
        help="Go on where an earlier run with this file stopped.",
        rich_help_panel=UPDATE,
    ),
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Leave with 1 where a limit is exceeded or drift stands, with 2 where too few "
        "requests tell.",
        rich_help_panel=CHECK,
    ),
]
MaxMape = Annotated[
    float | None,
    typer.Option(
        "--max-mape",
        metavar="PERCENT",
        help=f"Largest MAPE of any metric.  \\[default: {DEFAULT_MAX_MAPE:g}]",
        rich_help_panel=CHECK,
    ),
]
MaxP90 = Annotated[
    float | None,
    typer.Option(
        "--max-p90",
        metavar="PERCENT",
        help="Largest 90th percentile of the absolute percentage error.",
        rich_help_panel=CHECK,
    ),
]
MinRequests = Annotated[
    int | None,
    typer.Option(
        "--min-requests",
        metavar="N",
        min=1,
        help=f"Metrics with fewer requests are not judged.  \\[default: {DEFAULT_MIN_REQUESTS}]",
        rich_help_panel=CHECK,
    ),
]
Rejected = Annotated[
    Path | None,
    typer.Option(
        "--rejected",
        metavar="FILE",
        help="Write lines that could not be used here, each with its reason.",
        rich_help_panel=OUTPUT,
    ),
]
