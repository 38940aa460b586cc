"""Options of ``next-points``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.measure_options import (
    DEFAULT_MAX_INPUT_TOKENS,
    DEFAULT_MAX_OUTPUT_TOKENS,
    EFFORT,
)
from token2metrics.cli.options import MODELS, OUTPUT, REQUEST
from token2metrics.vocabulary import MAX_TOKENS, Phase

DEFAULT_POINTS = 5
DEFAULT_REPEATS = 3
MOST_ASKED_POINTS = 100

ModelName = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="NAME", help="Model by any of its names.", rich_help_panel=MODELS
    ),
]
Points = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_ASKED_POINTS,
        metavar="K",
        help="So many points, or with another limit at most so many.  "
        f"\\[default: {DEFAULT_POINTS}, without another limit]",
        rich_help_panel=EFFORT,
    ),
]
Target = Annotated[
    float | None,
    typer.Option(
        "--target-percent",
        metavar="PERCENT",
        help="Stop where the expected 90th percentile of the errors is at most this.",
        rich_help_panel=EFFORT,
    ),
]
Budget = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        metavar="M",
        help="What gains most per second, as far as M minutes go.",
        rich_help_panel=EFFORT,
    ),
]
Repeats = Annotated[
    int,
    typer.Option(
        min=1, metavar="R", help="Repeats of each point, for its cost.", rich_help_panel=EFFORT
    ),
]
JudgedPhase = Annotated[
    Phase,
    typer.Option(
        "--phase",
        help="Whose errors count: of request, both phases are made better, and the whole is held "
        "against the target.",
        rich_help_panel=EFFORT,
    ),
]
LongestInput = Annotated[
    int | None,
    typer.Option(
        "--max-input-tokens",
        min=1,
        max=MAX_TOKENS,
        metavar="N",
        help="Longest prompt.  \\[default: that of the workload, else "
        f"{DEFAULT_MAX_INPUT_TOKENS}]",
        rich_help_panel=REQUEST,
    ),
]
LongestOutput = Annotated[
    int | None,
    typer.Option(
        "--max-output-tokens",
        min=1,
        max=MAX_TOKENS,
        metavar="N",
        help="Longest answer.  \\[default: that of the workload, else "
        f"{DEFAULT_MAX_OUTPUT_TOKENS}]",
        rich_help_panel=REQUEST,
    ),
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the points as a CSV file that measure --plan reads.",
        rich_help_panel=OUTPUT,
    ),
]
