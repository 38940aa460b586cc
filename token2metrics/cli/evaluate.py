"""``evaluate``: predictions against measurements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from token2metrics.cli.options import (
    OUTPUT,
    ArtifactDirectory,
    AsJson,
    DataFiles,
    DeviceName,
    ModelNames,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.session import Session, session_of
from token2metrics.errors import DataError, MissingExtraError
from token2metrics.extras import needing
from token2metrics.files import legible_json, write_file
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.evaluation import show_evaluation

if TYPE_CHECKING:
    from token2metrics.prediction.evaluate import Comparison

EVALUATION = "evaluation"
RESULT_NAME = "evaluation.json"
PLOT_NAME = "measured_vs_predicted.png"

OutputDirectory = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help=f"Where {RESULT_NAME} and {PLOT_NAME} go.  \\[default: evaluation in the artifact]",
        rich_help_panel=OUTPUT,
    ),
]
NoPlot = Annotated[bool, typer.Option("--no-plot", help="Draw no plot.", rich_help_panel=OUTPUT)]


def evaluate(
    context: typer.Context,
    model: ModelNames = None,
    data: DataFiles = None,
    artifact: ArtifactDirectory = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    output: OutputDirectory = None,
    no_plot: NoPlot = False,
    as_json: AsJson = False,
) -> None:
    """Compare predictions with measurements: MAPE, median, bias and 90th percentile.

    Models are compared with rows of their device, power mode, runtime and precision.

    Example: [bold]python main.py evaluate --model 14B --data FILE[/]
    """
    session = session_of(context)
    directory = session.directory(artifact)
    predictor = Predictor.load(directory)
    conditions = Conditions(device, power_mode, runtime, precision)
    models = [one.model for one in predictor.choose(model or (), conditions)]
    with needing("evaluating"):
        from token2metrics.data.bundled import bundled_paths
        from token2metrics.prediction import evaluate as evaluation
    comparison = evaluation.evaluate(models, data or bundled_paths())
    folder = directory / EVALUATION if output is None else output
    write_file(folder / RESULT_NAME, legible_json(comparison.evaluation))
    plot = None if no_plot else _plot(session, comparison, folder / PLOT_NAME)
    if as_json:
        session.show_json(comparison.evaluation)
    else:
        written = [str(path) for path in (folder / RESULT_NAME, plot) if path is not None]
        show_evaluation(session.console, comparison.evaluation, written)


def _plot(session: Session, comparison: Comparison, path: Path) -> Path | None:
    """Draw measured against predicted values; without the package for it, say so."""
    try:
        with needing("plotting"):
            from token2metrics.figures.against import measured_against_predicted
            from token2metrics.figures.drawing import write_picture
            from token2metrics.figures.evaluated import compared
        figure = measured_against_predicted(compared(comparison.points), DEFAULT_CONFIDENCE)
    except (MissingExtraError, DataError) as error:
        session.errors.print(f"no plot: {error}; or give --no-plot", markup=False, soft_wrap=True)
        return None
    write_picture(figure, path)
    return path
