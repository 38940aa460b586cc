"""The options of ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import MODELS, OUTPUT, REQUEST, WHERE
from token2metrics.comparing.comparison import Objective

LIMITS = "Limits"

ArtifactDirectories = Annotated[
    list[Path] | None,
    typer.Option(
        "--artifact",
        "-a",
        metavar="DIR",
        help="Directory of trained models; repeatable.  "
        "\\[default: outputs, or as in the settings]",
        rich_help_panel=MODELS,
    ),
]
Qualities = Annotated[
    Path | None,
    typer.Option(
        "--quality",
        metavar="FILE",
        help="CSV of model, quality and, if wanted, max_output_tokens, parallel, precision.",
        rich_help_panel=MODELS,
    ),
]
Parallels = Annotated[
    list[int] | None,
    typer.Option(
        "--parallel",
        metavar="N",
        help="Answers to each prompt generated at once; repeatable.  \\[default: 1]",
        rich_help_panel=REQUEST,
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device", metavar="NAME", help="Edge device; repeatable.", rich_help_panel=WHERE
    ),
]
PowerModes = Annotated[
    list[str] | None,
    typer.Option(
        "--power-mode", metavar="MODE", help="Power mode; repeatable.", rich_help_panel=WHERE
    ),
]
Runtimes = Annotated[
    list[str] | None,
    typer.Option(
        "--runtime", metavar="NAME", help="Inference engine; repeatable.", rich_help_panel=WHERE
    ),
]
Precisions = Annotated[
    list[str] | None,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="Precision of the weights; repeatable.",
        rich_help_panel=WHERE,
    ),
]
MaxLatency = Annotated[
    float | None,
    typer.Option(
        "--max-latency-s",
        metavar="S",
        help="Most latency, at the percentile.",
        rich_help_panel=LIMITS,
    ),
]
MaxEnergy = Annotated[
    float | None,
    typer.Option(
        "--max-energy-j",
        metavar="J",
        help="Most energy of a request, on average.",
        rich_help_panel=LIMITS,
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        metavar="MONEY",
        help="Most cost of a request, on average: electricity and the device.",
        rich_help_panel=LIMITS,
    ),
]
Percentile = Annotated[
    float,
    typer.Option(
        "--percentile",
        metavar="PERCENT",
        help="Of the latency that the limit and the front look at.",
        rich_help_panel=LIMITS,
    ),
]
Objectives = Annotated[
    list[Objective] | None,
    typer.Option(
        "--objective",
        metavar="NAME",
        help="What the Pareto front is about: latency, energy, cost, quality; repeatable.  "
        "\\[default: latency, energy, and quality where given]",
        rich_help_panel=OUTPUT,
    ),
]
