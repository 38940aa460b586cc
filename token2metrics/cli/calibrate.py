"""``calibrate``: from a running engine to a calibrated artifact in one command."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from token2metrics.cli.calibrated_model import experiment_of
from token2metrics.cli.measure import (
    PURPOSE,
    Rows,
    campaign_of,
    conclude,
    effort_of,
    instruments_for,
)
from token2metrics.cli.measure_options import (
    DEFAULT_MAX_INPUT_TOKENS,
    DEFAULT_MAX_OUTPUT_TOKENS,
    DEFAULT_SEED,
    DEFAULT_WARM_UP,
    ConfigFile,
    Device,
    EngineName,
    MaxInputTokens,
    MaxOutputTokens,
    Minutes,
    Power,
    Seed,
    ServedModel,
    Target,
)
from token2metrics.cli.options import (
    MODELS,
    WHERE,
    ArtifactDirectory,
    AsJson,
    DataFiles,
    PowerMode,
    PrecisionName,
)
from token2metrics.cli.progress import ProgressBar
from token2metrics.cli.session import Session, session_of
from token2metrics.extras import needing
from token2metrics.measure.engines import EngineKind, EngineOptions, build_engine
from token2metrics.measure.plan import AUTO
from token2metrics.precision import is_known

if TYPE_CHECKING:
    from token2metrics.config import ExperimentConfig, HardwareConfig
    from token2metrics.measure.calibrator import CalibrationReport
    from token2metrics.measure.session import Effort

DEFAULT_POINTS = 5
REPEATS = 3
EVERY_REPEAT_PERCENT = 0.0
GIGA, TERA = 1e9, 1e12

ModelOrOnly = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Model, by any name of an experiment file.  \\[default: that of --config, or the "
        "only one of the artifact]",
        rich_help_panel=MODELS,
    ),
]
Points = Annotated[
    int,
    typer.Option(min=1, metavar="K", help="Token settings to measure, three times each."),
]
Bandwidth = Annotated[
    float | None,
    typer.Option(
        "--memory-bandwidth-gb-per-s",
        metavar="X",
        help="Nominal bandwidth of a device that no experiment file describes.",
        rich_help_panel=WHERE,
    ),
]
Arithmetic = Annotated[
    float | None,
    typer.Option(
        "--compute-tflop-per-s",
        metavar="X",
        help="Nominal dense 16-bit arithmetic of such a device.",
        rich_help_panel=WHERE,
    ),
]


def calibrate(
    context: typer.Context,
    device: Device,
    model: ModelOrOnly = None,
    target: Target = None,
    engine: EngineName = EngineKind.AUTO,
    served_model: ServedModel = None,
    config: ConfigFile = None,
    power: Power = AUTO,
    artifact: ArtifactDirectory = None,
    data: DataFiles = None,
    points: Points = DEFAULT_POINTS,
    max_input_tokens: MaxInputTokens = DEFAULT_MAX_INPUT_TOKENS,
    max_output_tokens: MaxOutputTokens = DEFAULT_MAX_OUTPUT_TOKENS,
    minutes: Minutes = None,
    seed: Seed = DEFAULT_SEED,
    precision: PrecisionName = None,
    power_mode: PowerMode = None,
    memory_bandwidth_gb_per_s: Bandwidth = None,
    compute_tflop_per_s: Arithmetic = None,
    as_json: AsJson = False,
) -> None:
    """Measure the few requests a device needs, and train on them.

    Rests on what the artifact was trained on, and keeps its other models.

    Example: [bold]python main.py calibrate --artifact ./outputs --target http://127.0.0.1:8080
    --model 1.5B --device orin-nano --points 5[/]
    """
    session = session_of(context)
    directory = session.directory(artifact)
    experiment = experiment_of(session, model, config, directory)
    with needing(PURPOSE):
        from token2metrics.measure.designed_plan import check_room, limits_within
    check_room(points, limits_within(max_input_tokens, max_output_tokens))
    stated = {
        "memory_bandwidth_bytes_per_s": _times(memory_bandwidth_gb_per_s, GIGA),
        "compute_flop_per_s": _times(compute_tflop_per_s, TERA),
    }
    wanted = Wanted(
        engine=EngineOptions(
            kind=engine,
            target=target,
            served_model=served_model,
            shape=experiment.model.architecture,
            precision=precision,
            torch_device=session.settings.torch_device,
            context_tokens=max_input_tokens + max_output_tokens,
        ),
        rows=Rows(experiment.model.id, device, power_mode, precision),
        points=points,
        longest=(max_input_tokens, max_output_tokens),
        effort=effort_of(REPEATS, EVERY_REPEAT_PERCENT, minutes, seed, DEFAULT_WARM_UP),
        power=power,
        experiment=experiment,
        hardware=hardware_of(session, device, experiment, stated),
        directory=directory,
        data=tuple(data or ()),
        config_files=(config,) if config is not None else (),
    )
    report = run_calibration(session, wanted)
    if as_json:
        session.show_json(report)
    else:
        show(session, report)
    conclude(session, report.measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to calibrate, by what.

    Attributes:
        engine: Which engine.
        rows: What all rows say alike.
        points: How many token settings to measure.
        longest: Longest prompt and longest answer.
        effort: How much of it.
        power: Which meter.
        experiment: The model.
        hardware: The device.
        directory: The artifact.
        data: Files to train on beside what is measured; empty keeps those of the artifact.
        config_files: Experiment files beside the known ones.
    """

    engine: EngineOptions
    rows: Rows
    points: int
    longest: tuple[int, int]
    effort: Effort
    power: str
    experiment: ExperimentConfig
    hardware: HardwareConfig
    directory: Path
    data: tuple[Path, ...]
    config_files: tuple[Path, ...]


def hardware_of(
    session: Session, device: str, experiment: ExperimentConfig, stated: Mapping[str, float | None]
) -> HardwareConfig:
    """Return what is known of a device, by its experiments and by what was stated.

    Args:
        session: Settings and consoles.
        device: Its name.
        experiment: The model's experiment, whose device comes before those of others.
        stated: Figures that stand in for those known; None keeps them.

    Raises:
        ConfigurationError: If a figure makes no sense.
    """
    from token2metrics.config import HardwareConfig
    from token2metrics.experiments import experiments_directory, load_catalog
    from token2metrics.training.choice import revalidated

    catalog = load_catalog(experiments_directory(session.settings.configs))
    devices = (one.edge for one in (experiment, *catalog) if one.edge.name == device)
    known = next(devices, None) or revalidated(HardwareConfig, {"name": device})
    changes = {name: value for name, value in stated.items() if value is not None}
    return revalidated(HardwareConfig, {**known.model_dump(), **changes})


def run_calibration(session: Session, wanted: Wanted) -> CalibrationReport:
    """Connect engine and meter, and let the calibrator use them.

    The bar of the training is not drawn while requests are timed.

    Args:
        session: Settings and consoles.
        wanted: What to calibrate.
    """
    with needing(PURPOSE):
        from token2metrics.measure.calibrator import Calibrator, conditions_of
        from token2metrics.measure.designed_plan import limits_within
        from token2metrics.report.measuring import MeasuringDisplay
        from token2metrics.training.choice import TrainingOptions
    with (
        build_engine(wanted.engine) as engine,
        MeasuringDisplay(session.errors) as measuring,
        ExitStack() as at_end,
    ):
        training = at_end.push(ProgressBar(session.errors))
        draft = campaign_of(engine, wanted.rows, ())
        calibrator = Calibrator(
            instruments=instruments_for(engine, wanted.engine.target, wanted.power),
            hardware=wanted.hardware,
            experiment=_in_precision(wanted.experiment, draft.precision),
            directory=wanted.directory,
            settings=session.settings,
        )
        options = TrainingOptions(
            models=(draft.model,),
            config_files=wanted.config_files,
            data=wanted.data,
            where=conditions_of(draft),
        )
        limits = limits_within(*wanted.longest, engine.context_tokens)
        campaign = calibrator.planned(draft, options, wanted.points, limits, REPEATS)
        return calibrator.calibrate(campaign, wanted.effort, options, measuring, training)


def _in_precision(experiment: ExperimentConfig, precision: str | None) -> ExperimentConfig:
    """Give a model the precision it was measured in, where its bytes per weight are known."""
    if precision is None or not is_known(precision):
        return experiment
    model = experiment.model.model_copy(update={"precision": precision})
    return experiment.model_copy(update={"model": model})


def _times(value: float | None, size: float) -> float | None:
    """Return a figure in the unit of which its own is a multiple."""
    return None if value is None else value * size


def show(session: Session, report: CalibrationReport) -> None:
    """Print a report as tables."""
    from token2metrics.report.calibration import show_calibration

    show_calibration(session.console, report)
