"""``train``: fit models to measurements and save them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from token2metrics.cli.options import (
    MODELS,
    OUTPUT,
    WHERE,
    AsJson,
    DataFiles,
    DeviceName,
    ModelNames,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.progress import ProgressBar
from token2metrics.cli.session import Session, session_of
from token2metrics.extras import needing
from token2metrics.prediction.conditions import Conditions
from token2metrics.report.training import show_training

if TYPE_CHECKING:
    from token2metrics.training.choice import TrainingOptions
    from token2metrics.training.record import TrainingRecord

FIT = "Fit"

AllModels = Annotated[
    bool,
    typer.Option("--all-models", help="Train every known experiment.", rich_help_panel=MODELS),
]
ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Train the experiment of this Python file; repeatable.",
        rich_help_panel=MODELS,
    ),
]
OutputDirectory = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Where the models go; other models there are kept.  "
        "\\[default: outputs, or as in the settings]",
        rich_help_panel=OUTPUT,
    ),
]
Regression = Annotated[
    str | None,
    typer.Option(
        metavar="FAMILY",
        help="linear, polynomial, tree, mlp, roofline, auto, or all: auto, every candidate shown."
        "  \\[default: as configured]",
        rich_help_panel=FIT,
    ),
]
Calibration = Annotated[
    str | None,
    typer.Option(
        metavar="METHOD",
        help="simple_scaling, log_ratio, linear_fit, power_law, per_term, direct, manual, auto, "
        "or all: auto, every candidate shown.  \\[default: as configured]",
        rich_help_panel=FIT,
    ),
]
ScaleFactor = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Edge latency over source latency; implies --calibration manual.",
        rich_help_panel=FIT,
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Cross-validation folds.  \\[default: as configured]", rich_help_panel=FIT
    ),
]
TestSize = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of the token settings held out.  \\[default: as configured]",
        rich_help_panel=FIT,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Seed of every random choice.  \\[default: as configured]",
        rich_help_panel=FIT,
    ),
]
PowerRail = Annotated[
    str | None,
    typer.Option(
        metavar="RAIL",
        help="Use the energy of this rail.  \\[default: the one with the most rows]",
        rich_help_panel=WHERE,
    ),
]


def train(
    context: typer.Context,
    model: ModelNames = None,
    all_models: AllModels = False,
    config: ConfigFiles = None,
    data: DataFiles = None,
    output: OutputDirectory = None,
    regression: Regression = None,
    calibration: Calibration = None,
    scale_factor: ScaleFactor = None,
    folds: Folds = None,
    test_size: TestSize = None,
    seed: Seed = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    power_rail: PowerRail = None,
    as_json: AsJson = False,
) -> None:
    """Train models on measurements and save them.

    Example: [bold]python main.py train --all-models --output ./outputs[/]
    """
    from token2metrics.training.choice import FitOptions, TrainingOptions

    options = TrainingOptions(
        models=tuple(model or ()),
        all_models=all_models,
        config_files=tuple(config or ()),
        data=tuple(data or ()),
        where=Conditions(device, power_mode, runtime, precision),
        power_rail=power_rail,
        fit=FitOptions(regression, calibration, scale_factor, folds, test_size, seed),
    )
    record = fit_and_save(session_of(context), options, output)
    if as_json:
        session_of(context).show_json(record)
    else:
        show_training(session_of(context).console, record, options.shows_every_candidate)


def fit_and_save(session: Session, options: TrainingOptions, output: Path | None) -> TrainingRecord:
    """Train under a progress bar.

    Args:
        session: Settings and consoles.
        options: What to train.
        output: Directory of the artifact; None takes that of the settings.
    """
    from token2metrics.training.choice import choose_experiments
    from token2metrics.training.threads import limit_linear_algebra

    limit_linear_algebra(session.settings.threads)
    choice = choose_experiments(options, session.settings.configs)
    with needing("training"):
        from token2metrics.training.run import run_training
    directory = session.directory(output)
    with ProgressBar(session.errors) as progress:
        return run_training(options, choice, directory, session.settings, progress)
