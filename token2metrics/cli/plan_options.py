"""The options of ``plan``."""

from __future__ import annotations

from typing import Annotated

import typer

from token2metrics.cli.options import REQUEST

LIMITS = "Limits, at least one"

MaxLatency = Annotated[
    float | None,
    typer.Option(
        "--max-latency-s",
        metavar="S",
        help="Seconds until the last token.",
        rich_help_panel=LIMITS,
    ),
]
MaxTtft = Annotated[
    float | None,
    typer.Option(
        "--max-ttft-s",
        metavar="S",
        help="Seconds until the first token.",
        rich_help_panel=LIMITS,
    ),
]
MaxEnergy = Annotated[
    float | None,
    typer.Option(
        "--max-energy-j", metavar="J", help="Joules of the request.", rich_help_panel=LIMITS
    ),
]
MaxPower = Annotated[
    float | None,
    typer.Option(
        "--max-power-w",
        metavar="W",
        help="Mean watts of the hungrier phase.",
        rich_help_panel=LIMITS,
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        metavar="MONEY",
        help="Electricity and the device's wear, of the request.",
        rich_help_panel=LIMITS,
    ),
]
Probability = Annotated[
    float,
    typer.Option(
        "--confidence",
        metavar="SHARE",
        help="How probably a request keeps every limit, 0.75 to 0.995 for one limit.",
        rich_help_panel=LIMITS,
    ),
]
ContextTokens = Annotated[
    int,
    typer.Option(
        "--context-tokens",
        metavar="N",
        help="Tokens that the engine holds, prompt and answer together.",
        rich_help_panel=REQUEST,
    ),
]
