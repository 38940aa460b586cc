"""``bench``: rivals refitted on the user's own rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from token2metrics.bench.plan import Plan, parse_shots
from token2metrics.bench.result import Comparison
from token2metrics.bench.roster import build, choose_names
from token2metrics.cli.options import (
    MODELS,
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
from token2metrics.cli.train import PowerRail
from token2metrics.extras import needing
from token2metrics.prediction.conditions import Conditions
from token2metrics.report.bench import show_comparison

if TYPE_CHECKING:
    from token2metrics.training.choice import TrainingOptions

COMPARISON = "Comparison"
DEFAULT_SHOTS = "1,3,5,10"
DEFAULT_DRAWS = 5
DEFAULT_SEED = 0

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Compare on the experiment of this Python file; repeatable.",
        rich_help_panel=MODELS,
    ),
]
Shots = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        help="Rows of each kind (prefill, decode, request) that a fit sees.",
        rich_help_panel=COMPARISON,
    ),
]
Draws = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Random draws of each number of rows.",
        rich_help_panel=COMPARISON,
    ),
]
Seed = Annotated[
    int,
    typer.Option(min=0, metavar="N", help="Seed of the draws.", rich_help_panel=COMPARISON),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="NAME",
        help="Compare this contender; repeatable.  \\[default: all of them]",
        rich_help_panel=COMPARISON,
    ),
]


def bench(
    context: typer.Context,
    model: ModelNames = None,
    config: ConfigFiles = None,
    data: DataFiles = None,
    shots: Shots = DEFAULT_SHOTS,
    draws: Draws = DEFAULT_DRAWS,
    seed: Seed = DEFAULT_SEED,
    only: Only = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    power_rail: PowerRail = None,
    as_json: AsJson = False,
) -> None:
    """Refit other predictors on your rows and compare them with this one.

    Every contender sees the same few rows and forecasts the others. Without --model and --config
    every known model with rows takes part.

    Example: [bold]python main.py bench --data FILE --shots 3,10[/]
    """
    from token2metrics.training.choice import TrainingOptions

    session = session_of(context)
    plan = Plan(parse_shots(shots), draws, seed, choose_names(only or ()))
    options = TrainingOptions(
        models=tuple(model or ()),
        all_models=not (model or config),
        config_files=tuple(config or ()),
        data=tuple(data or ()),
        where=Conditions(device, power_mode, runtime, precision),
        power_rail=power_rail,
    )
    comparison = compare_all(session, options, plan)
    if as_json:
        session.show_json(comparison)
    else:
        show_comparison(session.console, comparison)


def compare_all(session: Session, options: TrainingOptions, plan: Plan) -> Comparison:
    """Run a comparison under a progress bar.

    Args:
        session: Settings and consoles.
        options: Which models, on which rows.
        plan: Who takes part, and how often.
    """
    from token2metrics.training.choice import choose_experiments

    choice = choose_experiments(options, session.settings.configs)
    with needing("comparing"):
        from token2metrics.bench.run import compare
        from token2metrics.training.read import prepare_groups
        from token2metrics.training.run import configure_torch
    configure_torch(session.settings)
    with ProgressBar(session.errors) as progress:
        groups = prepare_groups(choice)
        contenders = build(plan.contenders)
        return compare(groups, choice.catalog, contenders, plan, options.all_models, progress)
