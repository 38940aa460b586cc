"""``next-points``: which requests to measure next, and what each is expected to bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.cli.measure_options import (
    DEFAULT_MAX_INPUT_TOKENS,
    DEFAULT_MAX_OUTPUT_TOKENS,
    ConfigFile,
)
from token2metrics.cli.next_points_options import (
    DEFAULT_POINTS,
    DEFAULT_REPEATS,
    Budget,
    JudgedPhase,
    LongestInput,
    LongestOutput,
    ModelName,
    PlanFile,
    Points,
    Repeats,
    Target,
)
from token2metrics.cli.options import (
    ArtifactDirectory,
    AsJson,
    DataFiles,
    DeviceName,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.own_files import refuse_overwriting
from token2metrics.cli.session import Session, session_of
from token2metrics.cli.workload_options import WorkloadFiles
from token2metrics.errors import ConfigurationError
from token2metrics.extras import needing
from token2metrics.measure.plan import write_plan
from token2metrics.prediction.conditions import Conditions
from token2metrics.vocabulary import Phase

if TYPE_CHECKING:
    from token2metrics.measure.next_points import NextPoints, Wish
    from token2metrics.training.choice import TrainingOptions

PURPOSE = "designing measurements"
SECONDS_PER_MINUTE = 60.0


def next_points(
    context: typer.Context,
    model: ModelName,
    artifact: ArtifactDirectory = None,
    data: DataFiles = None,
    config: ConfigFile = None,
    points: Points = None,
    target_percent: Target = None,
    minutes: Budget = None,
    repeats: Repeats = DEFAULT_REPEATS,
    phase: JudgedPhase = Phase.REQUEST,
    max_input_tokens: LongestInput = None,
    max_output_tokens: LongestOutput = None,
    workload: WorkloadFiles = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    output: PlanFile = None,
    as_json: AsJson = False,
) -> None:
    """Say which requests to measure next, their cost, and the expected error now and after each.

    Rests on what the artifact's model was trained on, else on the bundled measurements; a model or
    device that nobody measured starts from what is believed of it. Only the default artifact may be
    missing, or any beside --data.

    Example: [bold]python main.py next-points --model 1.5B --points 5 --output plan.csv[/]
    """
    from token2metrics.training.choice import TrainingOptions, choose_experiments

    session = session_of(context)
    refuse_overwriting((*(workload or ()), *(data or ())), {"--output": output})
    if artifact is not None and not data:
        load_artifact(artifact)
    _above_zero("--target-percent", target_percent)
    _above_zero("--minutes", minutes)
    if points is None and target_percent is None and minutes is None:
        points = DEFAULT_POINTS
    options = TrainingOptions(
        models=(model,),
        config_files=() if config is None else (config,),
        data=tuple(data or ()),
        where=Conditions(device, power_mode, runtime, precision),
    )
    if not _is_trained(session.directory(artifact), model):
        choose_experiments(options, session.settings.configs)
    with needing(PURPOSE):
        from token2metrics.training.run import configure_torch

        configure_torch(session.settings)
        from token2metrics.measure.designing import wish_of
    wish = wish_of(
        workload or (),
        max_input_tokens,
        max_output_tokens,
        (DEFAULT_MAX_INPUT_TOKENS, DEFAULT_MAX_OUTPUT_TOKENS),
        points=points,
        target_percent=target_percent,
        budget_s=None if minutes is None else minutes * SECONDS_PER_MINUTE,
        judged=phase,
        repeats=repeats,
    )
    found = _designed(session, options, artifact, wish)
    _show(session, found, output, as_json)


def _is_trained(directory: Path, model: str) -> bool:
    """Return whether an artifact knows a model, which then needs no experiment file."""
    if not (directory / MANIFEST_NAME).exists():
        return False
    return any(one.record.answers_to(model) for one in load_artifact(directory).models)


def _above_zero(option: str, value: float | None) -> None:
    """Refuse a limit that nothing can keep."""
    if value is not None and not 0.0 < value < float("inf"):
        raise ConfigurationError(f"expected {option} to be above zero, got {value:g}")


def _designed(
    session: Session, options: TrainingOptions, artifact: Path | None, wish: Wish
) -> NextPoints:
    """Read what is known and design on it."""
    from token2metrics.measure.designing import known_of
    from token2metrics.measure.next_points import next_points as design

    directory = session.directory(artifact)
    return design(known_of(options, directory, session.settings), wish)


def _show(session: Session, found: NextPoints, output: Path | None, as_json: bool) -> None:
    """Write the plan, and print the points as a table or as JSON."""
    from token2metrics.report.next_points import show_next_points

    if output is not None:
        write_plan(output, found.plan)
    if as_json:
        session.show_json(found)
    else:
        show_next_points(session.console, found, output)
