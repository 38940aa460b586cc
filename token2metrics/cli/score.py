"""``score``: what the requests of whole traces cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from token2metrics.cli.engine_options import (
    Engine,
    EngineName,
    RayAddress,
    WorkerCount,
    chosen_workers,
)
from token2metrics.cli.importing import importing
from token2metrics.cli.option_names import MONEY_OPTIONS, names_in, naming_options
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
from token2metrics.cli.predict import DevicePrice, LifetimeYears, PricePerKwh
from token2metrics.cli.score_options import (
    CompressionName,
    GroupBy,
    Inputs,
    OnlyPredictions,
    OutputDirectory,
    PartitionRows,
    Quantities,
    Resume,
)
from token2metrics.cli.session import Session, session_of
from token2metrics.extras import needing
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.money import DEFAULT_PRICE_PER_KWH, prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.scoring.defaults import (
    DEFAULT_COMPRESSION,
    DEFAULT_PARTITION_ROWS,
    compression_of,
)
from token2metrics.workers.workers import ThreadWorkers

STOPPED = "stopped; finished partitions are kept: the same command with --resume goes on"


def score(
    context: typer.Context,
    inputs: Inputs,
    output: OutputDirectory,
    model: ModelName = None,
    artifact: ArtifactDirectory = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    parallel: Parallel = SINGLE,
    confidence: Confidence = DEFAULT_CONFIDENCE,
    group_by: GroupBy = None,
    quantities: Quantities = None,
    only_predictions: OnlyPredictions = False,
    compression: CompressionName = DEFAULT_COMPRESSION,
    partition_rows: PartitionRows = DEFAULT_PARTITION_ROWS,
    resume: Resume = None,
    engine: EngineName = Engine.LOCAL,
    ray_address: RayAddress = None,
    workers: WorkerCount = None,
    price_per_kwh: PricePerKwh = DEFAULT_PRICE_PER_KWH,
    device_price: DevicePrice = None,
    lifetime_years: LifetimeYears = None,
    as_json: AsJson = False,
) -> None:
    """Predict every request of traces of any size, with totals and percentiles.

    Priced rows go to OUTPUT/part-*.parquet, rows that no request can have to OUTPUT/rejected, each
    with file, row and reason. Memory stays flat, and a stopped run goes on with --resume.

    Example: [bold]python main.py score traces/*.parquet --output scored --model 8B[/]
    """
    session = session_of(context)
    predictor = Predictor.load(session.directory(artifact))
    with naming_options(MONEY_OPTIONS):
        prices = {
            one.model.record.key: prices_on(
                one.model.record.hardware, price_per_kwh, device_price, lifetime_years
            )
            for one in predictor.models
        }
    chosen = chosen_workers(engine, ray_address, workers, ThreadWorkers())
    with needing("scoring traces"):
        from token2metrics.prediction.expressions import PREDICTED_COLUMNS
        from token2metrics.scoring import run
        from token2metrics.scoring.directory import Existing
        from token2metrics.scoring.request import ScoreRequest
    with importing():
        from token2metrics.cli.row_progress import RowProgress
        from token2metrics.report.score import show_score
    request = ScoreRequest(
        inputs=tuple(inputs),
        directory=output,
        model=model,
        conditions=Conditions(device, power_mode, runtime, precision),
        group_by=names_in(group_by),
        quantities=names_in(quantities) or PREDICTED_COLUMNS,
        confidence=confidence,
        parallel=parallel,
        partition_rows=partition_rows,
        only_predictions=only_predictions,
        compression=compression_of(compression),
    )
    existing = {None: Existing.REFUSE, True: Existing.RESUME, False: Existing.OVERWRITE}[resume]
    with (
        _telling_how_to_go_on(session),
        RowProgress(session.errors) as progress,
        chosen as ready,
    ):
        summary = run.score(predictor, request, existing, ready, progress, prices)
    if as_json:
        session.show_json(summary)
    else:
        show_score(session.console, summary)


@contextmanager
def _telling_how_to_go_on(session: Session) -> Iterator[None]:
    """Say after Ctrl-C that what is finished is kept.

    Raises:
        KeyboardInterrupt: As it came.
    """
    try:
        yield
    except KeyboardInterrupt:
        session.errors.print(STOPPED, style="yellow")
        raise
