"""``batch-predict``: what the requests of a table cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import (
    ArtifactDirectory,
    AsJson,
    Confidence,
    DeviceName,
    ModelName,
    Parallel,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.session import session_of
from token2metrics.extras import needing
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.batch import show_batch

InputFile = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        help="CSV or Parquet with input_tokens, output_tokens and, if wanted, model and device.",
    ),
]
OutputFile = Annotated[
    Path,
    typer.Option(
        metavar="FILE", help="CSV or Parquet to write, with the prediction columns added."
    ),
]


def batch_predict(
    context: typer.Context,
    input_file: InputFile,
    output_file: OutputFile,
    model: ModelName = None,
    artifact: ArtifactDirectory = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    parallel: Parallel = SINGLE,
    confidence: Confidence = DEFAULT_CONFIDENCE,
    as_json: AsJson = False,
) -> None:
    """Predict every request of a table.

    Rows that no request can have go to OUTPUT.rejected.csv, each with its reason.

    Example: [bold]python main.py batch-predict --input-file a.csv --output-file b.parquet -m 8B[/]
    """
    session = session_of(context)
    predictor = Predictor.load(session.directory(artifact))
    with needing("predicting tables"):
        from token2metrics.prediction.batch import BatchRequest, price_table
    conditions = Conditions(device, power_mode, runtime, precision)
    summary = price_table(
        predictor, BatchRequest(input_file, output_file, model, conditions, confidence, parallel)
    )
    if as_json:
        session.show_json(summary)
    else:
        show_batch(session.console, summary)
