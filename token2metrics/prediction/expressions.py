"""The cost formulas as Polars expressions: a whole table is priced lazily and in parallel."""

from __future__ import annotations

import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.polars_algebra import ALGEBRA, GROUND
from token2metrics.prediction.program import INPUTS, build_program
from token2metrics.prediction.quantities import EXTRAPOLATED
from token2metrics.symbolic import Operation

POINT_COLUMNS = (
    "prefill_latency_s",
    "decode_latency_s",
    "latency_s",
    "prefill_energy_j",
    "decode_energy_j",
    "energy_j",
    "power_w",
    EXTRAPOLATED,
)

LIMIT_COLUMNS = tuple(
    f"{part}{quantity}_{limit}_{unit}"
    for quantity, unit in (("latency", "s"), ("energy", "j"))
    for part in ("prefill_", "decode_", "")
    for limit in ("lower", "upper")
)
"""Ends of the intervals."""

PREDICTED_COLUMNS = (*POINT_COLUMNS, *LIMIT_COLUMNS)
"""Columns that pricing adds to a table, in order."""


def expressions(
    model: FittedModel,
    input_tokens: pl.Expr,
    output_tokens: pl.Expr,
    confidence: float = DEFAULT_CONFIDENCE,
    parallel: int = SINGLE,
) -> dict[str, pl.Expr]:
    """Return what a request costs, equal to the prediction of single requests.

    Args:
        model: The fitted model.
        input_tokens: Prompt tokens, whole and >= 0.
        output_tokens: Generated tokens, whole and >= 0.
        confidence: Of the intervals, 0.5 to 0.99.
        parallel: Samples generated at once.

    Returns:
        One expression for each of ``PREDICTED_COLUMNS``, under its name, as long as the counts even
        where every request costs the same; null where nothing measured supports the number.
    """
    program = build_program(model, PREDICTED_COLUMNS, confidence, parallel)
    counts = [count.cast(pl.Float64) for count in (input_tokens, output_tokens)]
    found = program.evaluate(ALGEBRA, dict(zip(INPUTS, counts, strict=True)))
    for name, node in program.outputs.items():
        if node.operation is Operation.CONSTANT:
            found[name] = counts[0] * GROUND + found[name]
    found[EXTRAPOLATED] = found[EXTRAPOLATED] == 1.0
    return {name: value.alias(name) for name, value in found.items()}
