"""``compare``: models, devices, power modes, runtimes, precisions and samples side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from token2metrics.cli.amounts import check_amounts
from token2metrics.cli.compare_options import (
    ArtifactDirectories,
    Devices,
    MaxCost,
    MaxEnergy,
    MaxLatency,
    Objectives,
    Parallels,
    Percentile,
    PowerModes,
    Precisions,
    Qualities,
    Runtimes,
)
from token2metrics.cli.option_names import MONEY_OPTIONS, naming_options, option_of
from token2metrics.cli.options import AsJson, Confidence, ModelNames
from token2metrics.cli.own_files import refuse_overwriting
from token2metrics.cli.pictures import Picture
from token2metrics.cli.predict import DevicePrice, LifetimeYears, PricePerKwh
from token2metrics.cli.session import session_of
from token2metrics.cli.workload_options import (
    AnswerTokens,
    PromptTokens,
    WorkloadFiles,
    one_request,
)
from token2metrics.comparing.compare import check_limits, compare_totals
from token2metrics.comparing.comparison import ChoiceLimits, Comparison
from token2metrics.comparing.configurations import (
    Configuration,
    configurations,
    select_trained,
    unused,
)
from token2metrics.comparing.quality import Quality, read_qualities
from token2metrics.comparing.totals import (
    DEFAULT_PERCENTILE,
    Totals,
    percentiles,
    request_totals,
)
from token2metrics.extras import needing
from token2metrics.intervals import DEFAULT_CONFIDENCE, check_confidence
from token2metrics.parallel import SINGLE
from token2metrics.prediction.checks import check_parallel
from token2metrics.prediction.money import DEFAULT_PRICE_PER_KWH, prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.workload import WorkloadSummary, single_request
from token2metrics.report.compare import show_comparison
from token2metrics.report.tables import WARNING_STYLE, show_line

NOTHING_KEEPS_THE_LIMITS = 1

AMOUNTS = (*ChoiceLimits.__struct_fields__, *MONEY_OPTIONS)
OPTIONS = {name: option_of(name) for name in (*AMOUNTS, "confidence", "percentile", "parallel")}
"""Options by what errors of the library call them."""


def compare(
    context: typer.Context,
    artifact: ArtifactDirectories = None,
    model: ModelNames = None,
    quality: Qualities = None,
    input_tokens: PromptTokens = None,
    output_tokens: AnswerTokens = None,
    workload: WorkloadFiles = None,
    parallel: Parallels = None,
    confidence: Confidence = DEFAULT_CONFIDENCE,
    device: Devices = None,
    power_mode: PowerModes = None,
    runtime: Runtimes = None,
    precision: Precisions = None,
    max_latency_s: MaxLatency = None,
    max_energy_j: MaxEnergy = None,
    max_cost: MaxCost = None,
    percentile: Percentile = DEFAULT_PERCENTILE,
    price_per_kwh: PricePerKwh = DEFAULT_PRICE_PER_KWH,
    device_price: DevicePrice = None,
    lifetime_years: LifetimeYears = None,
    objective: Objectives = None,
    plot: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Compare models, devices and samples at once, for a request or for a whole workload.

    Leaves with 1 when nothing keeps the limits, with 2 when something is wrong, else with 0.

    Example: [bold]python main.py compare --workload trace.csv --quality accuracy.csv
    --max-latency-s 30[/]
    """
    session = session_of(context)
    request = one_request(input_tokens, output_tokens, workload)
    limits = ChoiceLimits(max_latency_s=max_latency_s, max_energy_j=max_energy_j, max_cost=max_cost)
    refuse_overwriting(_read(workload, quality), {"--plot": plot})
    check_amounts(context.params, AMOUNTS)
    with naming_options(OPTIONS):
        check_limits(limits)
        check_confidence(confidence)
        levels = percentiles(percentile)
        for samples in parallel or ():
            check_parallel(samples)
    qualities = () if quality is None else read_qualities(quality)
    directories = artifact or [session.directory(None)]
    predictors = {str(path): Predictor.load(path) for path in directories}
    conditions = {
        "device": device or (),
        "power_mode": power_mode or (),
        "runtime": runtime or (),
        "precision": precision or (),
    }
    chosen = select_trained(predictors, model or (), conditions)
    with naming_options(OPTIONS):
        priced = [
            (one, prices_on(one.record.hardware, price_per_kwh, device_price, lifetime_years))
            for one in chosen
        ]
    compared = configurations(priced, parallel or (SINGLE,), qualities)
    _warn_of_unused(context, qualities, compared)
    summary, totals = _totals(compared, request, workload or (), levels, confidence)
    found = compare_totals(
        compared, totals, summary, objective or (), limits, percentile, confidence
    )
    if plot is not None:
        draw(found, plot)
    if as_json:
        session.show_json(found)
    else:
        show_comparison(session.console, found)
    if found.choice is not None and not found.choice.keeping:
        raise typer.Exit(NOTHING_KEEPS_THE_LIMITS)


def _read(workload: Sequence[Path] | None, quality: Path | None) -> Sequence[Path]:
    """Return the files of the user that are read."""
    return [*(workload or ()), *([] if quality is None else [quality])]


def _totals(
    compared: Sequence[Configuration],
    request: tuple[int, int] | None,
    files: Sequence[Path],
    levels: Sequence[float],
    confidence: float,
) -> tuple[WorkloadSummary, Sequence[Totals]]:
    """Price a request in plain Python, a workload with Polars."""
    if request is not None:
        one = [request_totals(each, request, levels, confidence) for each in compared]
        return single_request(*request), one
    with needing("comparing over a workload"):
        from token2metrics.comparing.workload_totals import workload_totals
        from token2metrics.prediction.workload_file import read_workload
    table = read_workload(files)
    return table.summary, workload_totals(compared, table.pairs, levels)


def _warn_of_unused(
    context: typer.Context, qualities: Sequence[Quality], compared: Sequence[Configuration]
) -> None:
    """Say which models of a quality file nobody compares."""
    names = dict.fromkeys(one.model for one in unused(qualities, compared))
    if names:
        line = f"quality not used, since nothing compared fits it: {', '.join(names)}"
        show_line(session_of(context).errors, line, WARNING_STYLE)


def draw(found: Comparison, path: Path) -> None:
    """Draw a comparison."""
    with needing("drawing"):
        from token2metrics.figures.drawing import write_picture
        from token2metrics.figures.pareto import pareto
    write_picture(pareto(found), path)
