"""Options of the commands that measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import MODELS, OUTPUT, WHERE
from token2metrics.errors import ConfigurationError
from token2metrics.measure.engines import EngineKind

ENGINE = "Engine"
EFFORT = "Effort"

DEFAULT_MAX_INPUT_TOKENS = 2_048
DEFAULT_MAX_OUTPUT_TOKENS = 128
DEFAULT_MAX_REPEATS = 10
DEFAULT_TARGET_PERCENT = 5.0
DEFAULT_WARM_UP = 3
DEFAULT_SEED = 0

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Model, by any name of an experiment file; rows carry its id.",
        rich_help_panel=MODELS,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Experiment file of the model.  \\[default: the known ones]",
        rich_help_panel=MODELS,
    ),
]
ShapeFile = Annotated[
    Path | None,
    typer.Option(
        "--architecture",
        metavar="FILE",
        help="config.json that the local engine builds.  \\[default: that of --model]",
        rich_help_panel=MODELS,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Address of the engine, such as http://127.0.0.1:8080.",
        rich_help_panel=ENGINE,
    ),
]
EngineName = Annotated[
    EngineKind,
    typer.Option(
        "--engine",
        help="How to talk to it; local times random weights in this process, on the "
        "torch_device of the settings.",
        rich_help_panel=ENGINE,
    ),
]
ServedModel = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Model as the engine names it.  \\[default: the only one]",
        rich_help_panel=ENGINE,
    ),
]
Power = Annotated[
    str,
    typer.Option(
        metavar="METER",
        help="auto, none, ina3221[:RAIL], tegrastats[:RAIL], nvml, rapl, zeus, constant:WATTS or "
        "replay:FILE[:RAIL].",
        rich_help_panel=ENGINE,
    ),
]


def _named_device(name: str) -> str:
    """Refuse a device without a name."""
    if not name.strip():
        raise ConfigurationError(
            f"expected --device to name the device as the rows are to, got {name!r}"
        )
    return name


Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=_named_device,
        help="Device, as the rows are to name it.",
        rich_help_panel=WHERE,
    ),
]
Plan = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="CSV file with input_tokens and output_tokens, or auto: designed points, both "
        "sides of tile edges, and the longest prompt.",
        rich_help_panel=EFFORT,
    ),
]
MaxInputTokens = Annotated[
    int, typer.Option(metavar="N", help="Longest prompt of --plan auto.", rich_help_panel=EFFORT)
]
MaxOutputTokens = Annotated[
    int, typer.Option(metavar="N", help="Longest answer of --plan auto.", rich_help_panel=EFFORT)
]
Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.0, metavar="M", help="Send nothing more after M minutes.", rich_help_panel=EFFORT
    ),
]
MaxRepeats = Annotated[
    int, typer.Option(min=1, metavar="N", help="Most repeats of a point.", rich_help_panel=EFFORT)
]
TargetPercent = Annotated[
    float,
    typer.Option(
        "--ci",
        min=0.0,
        metavar="PERCENT",
        help="A point is settled when half the 90 % interval of its medians is at most this.",
        rich_help_panel=EFFORT,
    ),
]
WarmUp = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Requests sent first and not kept.", rich_help_panel=EFFORT
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Seed of the order and the prompts.", rich_help_panel=EFFORT
    ),
]
OutputTable = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Table of rows (.parquet, .csv, .jsonl); the journal beside it lets the same "
        "command go on where it stopped.",
        rich_help_panel=OUTPUT,
    ),
]
