"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

MODELS = "Models"
WHERE = "Device and conditions"
OUTPUT = "Output"
REQUEST = "Request"

ModelNames = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Model by any of its names; repeatable.",
        rich_help_panel=MODELS,
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Model of rows that name none.",
        rich_help_panel=MODELS,
    ),
]
ArtifactDirectory = Annotated[
    Path | None,
    typer.Option(
        "--artifact",
        "-a",
        metavar="DIR",
        help="Directory of the trained models.  \\[default: outputs, or as in the settings]",
        rich_help_panel=MODELS,
    ),
]
Confidence = Annotated[
    float,
    typer.Option(
        "--confidence",
        metavar="SHARE",
        help="How often the truth should lie within the intervals, 0.5 to 0.99.",
        rich_help_panel=REQUEST,
    ),
]
Parallel = Annotated[
    int,
    typer.Option(
        "--parallel",
        metavar="N",
        help="Answers to one prompt generated at once, each of --output-tokens.",
        rich_help_panel=REQUEST,
    ),
]
DataFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        "-d",
        metavar="FILE",
        help="Measurements: CSV, Parquet or XLSX of any known format; repeatable.  "
        "\\[default: the bundled measurements]",
    ),
]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Edge device, as measurement tables name it.",
        rich_help_panel=WHERE,
    ),
]
PowerMode = Annotated[
    str | None,
    typer.Option(
        "--power-mode", metavar="MODE", help="Power mode, such as maxn.", rich_help_panel=WHERE
    ),
]
RuntimeName = Annotated[
    str | None,
    typer.Option(
        "--runtime", metavar="NAME", help="Inference engine, such as vllm.", rich_help_panel=WHERE
    ),
]
PrecisionName = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="Precision of the weights, such as bf16.",
        rich_help_panel=WHERE,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON instead of tables.", rich_help_panel=OUTPUT),
]
TokenizerFile = Annotated[
    Path | None,
    typer.Option("--tokenizer", metavar="FILE", help="A tokenizer.json, to count prompt tokens."),
]
