"""The options of ``score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import OUTPUT

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="Traces: Parquet, CSV or JSON lines with input_tokens and output_tokens, or the "
        "columns of a public trace; files, patterns, directories, or URLs such as "
        "s3://bucket/*.parquet.",
    ),
]
OutputDirectory = Annotated[
    Path,
    typer.Option(
        "--output",
        metavar="DIR",
        help="Directory of the priced partitions.",
        rich_help_panel=OUTPUT,
    ),
]
GroupBy = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Split the totals by the values of a column; repeatable, or with commas.",
        rich_help_panel=OUTPUT,
    ),
]
Quantities = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Predicted column to write; repeatable, or with commas.  \\[default: points and both "
        "ends of every latency and energy]",
        rich_help_panel=OUTPUT,
    ),
]
OnlyPredictions = Annotated[
    bool,
    typer.Option(
        "--only-predictions",
        help="Write both lengths, the groups and the predictions, not the other columns.",
        rich_help_panel=OUTPUT,
    ),
]
CompressionName = Annotated[
    str,
    typer.Option(
        "--compression",
        metavar="NAME",
        help="lz4 (fast), zstd (small), snappy or uncompressed.",
        rich_help_panel=OUTPUT,
    ),
]
PartitionRows = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Rows of each partition: what a crash costs at most, and a worker does at a time.",
        rich_help_panel=OUTPUT,
    ),
]
Resume = Annotated[
    bool | None,
    typer.Option(
        "--resume/--overwrite",
        help="Go on with an earlier run in DIR, or remove it.  \\[default: refuse]",
        rich_help_panel=OUTPUT,
    ),
]
