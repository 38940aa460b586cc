"""The mean request of a workload, over Polars expressions."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from token2metrics.artifact.manifest import HardwareRecord
from token2metrics.budgeting.request_load import (
    Estimate,
    RequestLoad,
    check_latency,
    check_lengths,
)
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.intervals import Bounds, bounds_of_sum
from token2metrics.prediction.expressions import expressions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.polars_algebra import ALGEBRA
from token2metrics.prediction.workload_file import COUNT, INPUT, OUTPUT, WorkloadTable
from token2metrics.vocabulary import FITTED_PHASES, Phase

ENDS = ("value", "lower", "upper")
LATENCY, ENERGY = "latency", "energy"
UNITS = {LATENCY: "s", ENERGY: "j"}
Extent = Mapping[str, pl.Expr]
"""A quantity and its bounds, by ``ENDS``."""


def _name(phase: Phase, quantity: str, end: str) -> str:
    """Return the column of ``expressions`` that holds an end of a quantity of a phase."""
    middle = (quantity,) if end == ENDS[0] else (quantity, end)
    return "_".join((phase, *middle, UNITS[quantity]))


PHASE_COLUMNS = tuple(
    _name(phase, quantity, end) for phase in FITTED_PHASES for quantity in UNITS for end in ENDS
)
"""Those of requests follow from them; their own plans would be several times as large."""


def workload_load(
    predictor: ModelPredictor, workload: WorkloadTable, confidence: float, parallel: int
) -> RequestLoad:
    """Return the mean request of a workload.

    Args:
        predictor: The model.
        workload: The requests.
        confidence: Of the ranges.
        parallel: Answers to each prompt that are generated at once.

    Raises:
        RequestError: If the latency of a request is unknown, all take no time, or none has a token.
    """
    columns = expressions(
        predictor.model, pl.col(INPUT), pl.col(OUTPUT), confidence, parallel=parallel
    )
    phases = (columns[name] for name in PHASE_COLUMNS)
    priced = workload.pairs.lazy().select(COUNT, *phases).collect()
    row = priced.select(_means(predictor.model.record.hardware)).row(0, named=True)
    check_latency(row["latency value"], predictor(1, 2, parallel=parallel))
    asked = workload.summary
    check_lengths(asked.input_tokens, asked.output_tokens)
    return RequestLoad(
        requests=asked.requests,
        input_tokens=asked.input_tokens / asked.requests,
        output_tokens=asked.output_tokens * parallel / asked.requests,
        parallel=parallel,
        latency_s=Estimate(**{end: row[f"latency {end}"] for end in ENDS}),
        energy_j=Estimate(**{end: row[f"energy {end}"] for end in ENDS}),
        confidence=confidence,
    )


def _means(hardware: HardwareRecord) -> list[pl.Expr]:
    """Return the means over all requests, null where one is unknown."""
    count = pl.col(COUNT)
    return [
        pl.when(value.null_count() == 0).then((value * count).sum() / count.sum()).alias(name)
        for name, value in _of_requests(hardware).items()
    ]


def _of_requests(hardware: HardwareRecord) -> dict[str, pl.Expr]:
    """Return seconds and joules of requests: those of single predictions and their envelopes."""
    latency, energy = (
        [{end: _column(phase, quantity, end) for end in ENDS} for phase in FITTED_PHASES]
        for quantity in (LATENCY, ENERGY)
    )
    total_s, total_j = (prefill["value"] + decode["value"] for prefill, decode in (latency, energy))
    seconds = _bounds_of_both(*latency)
    bounded = pl.lit(value=True)
    if hardware.power_limit_w >= UNLIMITED_POWER_W:
        bounded = total_j.is_not_null()
    least, most = (
        _bounds_of_both(*(_extent(phase, power_w) for phase in FITTED_PHASES))
        for power_w in (hardware.idle_power_w, hardware.power_limit_w)
    )
    return {
        f"{LATENCY} value": total_s,
        f"{LATENCY} lower": seconds.lower,
        f"{LATENCY} upper": seconds.upper,
        f"{ENERGY} value": total_j,
        f"{ENERGY} lower": pl.when(bounded).then(least.lower),
        f"{ENERGY} upper": pl.when(bounded).then(most.upper),
    }


def _bounds_of_both(prefill: Extent, decode: Extent) -> Bounds[pl.Expr]:
    """Bound the sum of both phases, whose errors are independent."""
    return bounds_of_sum(
        ALGEBRA,
        (prefill["value"], decode["value"]),
        (
            Bounds(prefill["lower"], prefill["upper"]),
            Bounds(decode["lower"], decode["upper"]),
        ),
    )


def _extent(phase: Phase, power_w: float) -> Extent:
    """Return the energy of a phase with its bounds; without one, its seconds at a power."""
    return {
        end: pl.coalesce(_column(phase, ENERGY, end), _column(phase, LATENCY, end) * power_w)
        for end in ENDS
    }


def _column(phase: Phase, quantity: str, end: str) -> pl.Expr:
    """Return a quantity of a phase, or an end of its interval."""
    return pl.col(_name(phase, quantity, end))
