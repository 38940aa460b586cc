"""``export``: trained models as files that predict without this package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.cli.option_names import names_in
from token2metrics.cli.options import (
    OUTPUT,
    REQUEST,
    ArtifactDirectory,
    AsJson,
    Confidence,
    DeviceName,
    ModelNames,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.own_files import refuse_overwriting
from token2metrics.cli.session import session_of
from token2metrics.export import format_of
from token2metrics.export.target import Format, bundle_of, provenance_of
from token2metrics.export.write import write_export
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.checks import check_quantities
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.quantities import QUANTITIES
from token2metrics.report.export import show_export

OutputFile = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="File to write; .onnx, .sql, .duckdb.sql, .py, .h, .js or .mjs.",
        rich_help_panel=OUTPUT,
    ),
]
FormatName = Annotated[
    Format | None,
    typer.Option(
        "--format",
        "-f",
        help="Format of the file.  \\[default: as its name ends]",
        rich_help_panel=OUTPUT,
    ),
]
Quantities = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="What to predict, such as latency_s; repeatable, or with commas.  "
        "\\[default: every number]",
        rich_help_panel=OUTPUT,
    ),
]
Check = Annotated[
    bool | None,
    typer.Option(
        "--check/--no-check",
        help="Carry the file out on a grid of requests and compare it with the predictor.  "
        "\\[default: where compiler, node, DuckDB or ONNX Runtime is installed]",
        rich_help_panel=OUTPUT,
    ),
]
ParallelAnswers = Annotated[
    int,
    typer.Option(
        "--parallel",
        metavar="N",
        help="Answers to one prompt generated at once; the file holds for so many.",
        rich_help_panel=REQUEST,
    ),
]


def export(
    context: typer.Context,
    output: OutputFile,
    format_name: FormatName = None,
    model: ModelNames = None,
    artifact: ArtifactDirectory = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    confidence: Confidence = DEFAULT_CONFIDENCE,
    parallel: ParallelAnswers = SINGLE,
    quantities: Quantities = None,
    check: Check = None,
    as_json: AsJson = False,
) -> None:
    """Write trained models as ONNX, SQL, Python, C or JavaScript that predicts by itself.

    Without --model every trained model goes into the file. It is checked
    against the predictor before it takes its place.

    Example: [bold]python main.py export --model 1.5B --output predict.h[/]
    """
    session = session_of(context)
    chosen = format_of(output) if format_name is None else format_name
    wanted = _quantities(quantities)
    directory = session.directory(artifact)
    loaded = load_artifact(directory)
    weights = directory / loaded.manifest.weights_file
    refuse_overwriting((directory / MANIFEST_NAME, weights), {"--output": output})
    predictor = Predictor(tuple(ModelPredictor(one) for one in loaded.models))
    conditions = Conditions(device, power_mode, runtime, precision)
    predictors = _once(predictor.choose(model or (), conditions))
    models = [one.model for one in predictors]
    bundle = bundle_of(models, wanted, confidence, parallel, provenance_of(loaded))
    with session.errors.status(f"writing and checking {len(models):,} models"):
        summary = write_export(bundle, predictors, chosen, output, check)
    if as_json:
        session.show_json(summary)
    else:
        show_export(session.console, summary)


def _quantities(given: list[str] | None) -> tuple[str, ...]:
    """Return the quantities that are wanted, each once."""
    if not given:
        return QUANTITIES
    names = tuple(dict.fromkeys(names_in(given)))
    check_quantities(names)
    return names


def _once(chosen: Sequence[ModelPredictor]) -> tuple[ModelPredictor, ...]:
    """Return every predictor once, even where two of a model's names were given."""
    return tuple({one.model.record.key: one for one in chosen}.values())
