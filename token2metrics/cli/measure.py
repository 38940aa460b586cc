"""``measure``: a running engine, timed and metered, as rows for ``train``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from token2metrics.cli.engine_plans import EnginePlanner, MeasuringPlanner
from token2metrics.cli.measure_options import (
    DEFAULT_MAX_INPUT_TOKENS,
    DEFAULT_MAX_OUTPUT_TOKENS,
    DEFAULT_MAX_REPEATS,
    DEFAULT_SEED,
    DEFAULT_TARGET_PERCENT,
    DEFAULT_WARM_UP,
    ConfigFile,
    Device,
    EngineName,
    MaxInputTokens,
    MaxOutputTokens,
    MaxRepeats,
    Minutes,
    Model,
    OutputTable,
    Plan,
    Power,
    Seed,
    ServedModel,
    ShapeFile,
    Target,
    TargetPercent,
    WarmUp,
)
from token2metrics.cli.options import AsJson, PowerMode, PrecisionName
from token2metrics.cli.session import Session, session_of
from token2metrics.errors import ConfigurationError, DataError
from token2metrics.extras import needing
from token2metrics.measure.ending import Stop
from token2metrics.measure.engines import EngineKind, EngineOptions, build_engine
from token2metrics.measure.engines.engine import EngineLostError
from token2metrics.measure.place import on_this_machine
from token2metrics.measure.plan import AUTO, Point
from token2metrics.power.thermal import hottest_c
from token2metrics.precision import normal_precision
from token2metrics.prediction.conditions import Conditions
from token2metrics.report.units import counted

if TYPE_CHECKING:
    from token2metrics.config import ExperimentConfig
    from token2metrics.measure.engines.engine import Engine
    from token2metrics.measure.journal import Campaign
    from token2metrics.measure.session import Effort, Instruments
    from token2metrics.measure.summary import MeasureReport

PURPOSE = "measuring"
EXTRA = "measure"
NO_METER = "none"
CONFIDENCE = 0.9
SECONDS_PER_MINUTE = 60.0
PERCENT = 100.0
INTERRUPTED_CODE = 130


def measure(
    context: typer.Context,
    model: Model,
    device: Device,
    output: OutputTable,
    target: Target = None,
    engine: EngineName = EngineKind.AUTO,
    served_model: ServedModel = None,
    config: ConfigFile = None,
    architecture: ShapeFile = None,
    power: Power = AUTO,
    plan: Plan = AUTO,
    max_input_tokens: MaxInputTokens = DEFAULT_MAX_INPUT_TOKENS,
    max_output_tokens: MaxOutputTokens = DEFAULT_MAX_OUTPUT_TOKENS,
    minutes: Minutes = None,
    max_repeats: MaxRepeats = DEFAULT_MAX_REPEATS,
    ci: TargetPercent = DEFAULT_TARGET_PERCENT,
    warm_up: WarmUp = DEFAULT_WARM_UP,
    seed: Seed = DEFAULT_SEED,
    precision: PrecisionName = None,
    power_mode: PowerMode = None,
    as_json: AsJson = False,
) -> None:
    """Time and meter a running engine, and write rows that train reads.

    Example: [bold]python main.py measure --target http://127.0.0.1:8080 --model 1.5B
    --device orin-nano --output rows.parquet[/]
    """
    session = session_of(context)
    refuse_shape(architecture, engine)
    experiment = find_model(session, model, config)
    described = None if architecture is not None else experiment
    where = Conditions(device, power_mode, None, precision)
    limits = max_input_tokens, max_output_tokens
    planner = MeasuringPlanner(session, plan, *limits, described, config, where)
    longest = planner.longest()
    shape = architecture or (experiment.model.architecture if experiment else None)
    torch_device = session.settings.torch_device
    options = EngineOptions(engine, target, served_model, shape, precision, torch_device, longest)
    rows = Rows(experiment.model.id if experiment else model, device, power_mode, precision)
    effort = effort_of(max_repeats, ci, minutes, seed, warm_up)
    report = run(session, options, rows, planner, effort, power, output)
    show(session, report, as_json)
    conclude(session, report)


@dataclass(frozen=True, slots=True)
class Rows:
    """What the rows of a table say alike.

    Attributes:
        model: Model id.
        device: Device slug.
        power_mode: Power mode of the device; None when not told.
        precision: Precision of the weights; None takes what the engine says.
    """

    model: str
    device: str
    power_mode: str | None
    precision: str | None


def refuse_shape(architecture: Path | None, engine: EngineKind) -> None:
    """Refuse a shape for an engine that has its own model.

    Raises:
        ConfigurationError: If there is one.
    """
    if architecture is not None and engine is not EngineKind.LOCAL:
        raise ConfigurationError(
            f"expected --architecture with --engine local alone, which builds it, got --engine "
            f"{engine}; leave one of them out"
        )


def find_model(session: Session, name: str, config: Path | None) -> ExperimentConfig | None:
    """Return the experiment that a model's name means.

    Args:
        session: Settings and consoles.
        name: Any name.
        config: Its experiment file; None looks among the known ones.

    Returns:
        None for a name that no known experiment answers to: rows then carry it as it is.

    Raises:
        ConfigurationError: If the given file is of another model.
    """
    from token2metrics.experiments import (
        experiments_directory,
        find_experiment,
        load_catalog,
        load_experiment,
    )

    if config is None:
        known = load_catalog(experiments_directory(session.settings.configs))
        return next((one for one in known if one.model.answers_to(name)), None)
    return find_experiment([load_experiment(config)], name)


def effort_of(
    max_repeats: int, ci_percent: float, minutes: float | None, seed: int, warm_up: int
) -> Effort:
    """Return how much to measure."""
    with needing(PURPOSE, EXTRA):
        from token2metrics.measure.schedule import StopRule
        from token2metrics.measure.session import Effort
    budget_s = None if minutes is None else minutes * SECONDS_PER_MINUTE
    rule = StopRule(max_repeats, ci_percent / PERCENT, CONFIDENCE)
    return Effort(rule, budget_s, seed, warm_up)


def run(
    session: Session,
    options: EngineOptions,
    rows: Rows,
    planner: EnginePlanner,
    effort: Effort,
    power: str,
    output: Path,
) -> MeasureReport:
    """Measure under a live display.

    Args:
        session: Settings and consoles.
        options: Which engine.
        rows: What all rows say alike.
        planner: Plans for the engine.
        effort: How much to measure.
        power: Which meter.
        output: The table.
    """
    with needing(PURPOSE, EXTRA):
        from token2metrics.measure.run import run_campaign
        from token2metrics.report.measuring import MeasuringDisplay
    with build_engine(options) as engine, MeasuringDisplay(session.errors) as display:
        instruments = instruments_for(engine, options.target, power)
        campaign = campaign_of(engine, rows, planner(engine))
        return run_campaign(campaign, instruments, effort, output, display)


def campaign_of(engine: Engine, rows: Rows, points: tuple[Point, ...]) -> Campaign:
    """Return what a connected engine is to measure."""
    from token2metrics.measure.journal import Campaign

    precision = rows.precision or engine.precision
    return Campaign(
        model=rows.model,
        device=rows.device,
        power_mode=rows.power_mode,
        precision=normal_precision(precision) if precision else None,
        runtime=engine.name,
        points=points,
    )


def instruments_for(engine: Engine, target: str | None, power: str) -> Instruments:
    """Return a connected engine with meter and thermometer, where it runs on this machine."""
    from token2metrics.measure.session import Instruments
    from token2metrics.power.meters import build_meter

    is_here = on_this_machine(target)
    meter = build_meter(power if is_here or power != AUTO else NO_METER)
    return Instruments(engine, meter, hottest_c if is_here else unknown_temperature)


def unknown_temperature() -> None:
    """Tell no temperature, for engines on other machines."""


def show(session: Session, report: MeasureReport, as_json: bool) -> None:
    """Print a report, as tables or as JSON."""
    from token2metrics.report.measuring import show_measurement

    if as_json:
        session.show_json(report)
    else:
        show_measurement(session.console, report)


def conclude(session: Session, report: MeasureReport) -> None:
    """Leave with the code for how the run ended, and say how to go on.

    Raises:
        EngineLostError: If the engine went away.
        DataError: If the engine refused everything.
        Exit: If somebody interrupted the run.
    """
    kept = f"{counted(report.rows, 'row')} are kept in {report.output}"
    resume = "the same command goes on where it stopped"
    if report.stopped == Stop.ENGINE_LOST:
        raise EngineLostError(f"{report.message}; {kept}; start the engine again, {resume}")
    if report.stopped == Stop.INTERRUPTED:
        session.errors.print(f"interrupted: {kept}; {resume}")
        raise typer.Exit(INTERRUPTED_CODE)
    if not report.rows and report.refusals:
        reason = report.refusals[0].reason
        raise DataError(f"expected rows, got refusals of every point, the first: {reason}")
