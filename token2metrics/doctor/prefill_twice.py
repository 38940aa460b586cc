"""Rule: a decode or a request whose latency holds the prefill once more than it should."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from token2metrics.columns import CONDITIONS, FILE
from token2metrics.doctor.rule import Rule, findings, nothing
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import STEPS, Table
from token2metrics.vocabulary import Phase

MACHINE = ("device", *CONDITIONS, "model", "parallel")
Floats = NDArray[np.float64]

PREFILL_S = "prefill_s"
RIGHT_SHARE = {Phase.DECODE: 0.0, Phase.REQUEST: 1.0}
"""How many prefills a latency should hold."""

TOLERANCE = 0.35
LEAST_CERTAINTY = 4.0
"""The surplus share is this many standard errors above none."""

FEWEST_SETTINGS = 8
FEWEST_LENGTHS = 2
LEAST_CONTRAST = 2.0
"""The share of prefill in the latencies varies by this factor, else it cannot be told apart."""

FEWEST_STEPS = 3
LOWER, UPPER = 0.1, 0.9
PASSES = 3
OUTLYING = 4.0
MEDIAN_TO_SIGMA = 1.4826
LEAST_SIGMA = 1e-3


def check(table: Table) -> pl.DataFrame:
    """Find groups of a file whose latencies hold about one prefill too many.

    Relative least squares of ``latency = a steps + b steps context + c prefill``: ``c`` is 0 for
    a decode and 1 for a request, and one more where prefill was counted again.
    """
    prefill = table.of_phase(Phase.PREFILL)
    found = [nothing()]
    for phase, right in RIGHT_SHARE.items():
        rows = table.of_phase(phase).filter(pl.col(STEPS) >= 1)
        for key, group in rows.partition_by(FILE, *MACHINE, as_dict=True).items():
            own = [pl.col(name) == value for name, value in zip(MACHINE, key[1:], strict=True)]
            known = _with_prefill(group, prefill.filter(own))
            if _is_telling(known) and _one_too_many(known, right):
                surplus_free = pl.col("latency_s") - pl.col(PREFILL_S)
                found.append(findings(known, pl.col("latency_s"), surplus_free))
    return pl.concat(found)


def _with_prefill(rows: pl.DataFrame, prefill: pl.DataFrame) -> pl.DataFrame:
    """Add the prefill latency of each row's prompt, between the measured lengths."""
    lengths = prefill.group_by("input_tokens").agg(pl.col("latency_s").median())
    if lengths.height < FEWEST_LENGTHS:
        return rows.clear()
    lengths = lengths.sort("input_tokens")
    measured, latency_s = (lengths.get_column(n).to_numpy() for n in lengths.columns)
    prompt = rows.get_column("input_tokens")
    within = rows.filter(prompt.is_between(measured[0], measured[-1]))
    between = np.interp(within.get_column("input_tokens").to_numpy(), measured, latency_s)
    return within.with_columns(pl.Series(PREFILL_S, between))


def _is_telling(rows: pl.DataFrame) -> bool:
    """Return whether prefill and steps vary enough to be told apart."""
    if rows.select("input_tokens", STEPS).n_unique() < FEWEST_SETTINGS:
        return False
    shares = rows.select(pl.col(PREFILL_S) / pl.col("latency_s")).to_series().to_numpy()
    low, high = np.quantile(shares, (LOWER, UPPER))
    return rows.get_column(STEPS).n_unique() >= FEWEST_STEPS and bool(high >= LEAST_CONTRAST * low)


def _one_too_many(rows: pl.DataFrame, right: float) -> bool:
    """Return whether the latencies hold about one prefill more than is right."""
    latency, steps, prompt, prefill = (
        rows.get_column(name).to_numpy().astype(np.float64)
        for name in ("latency_s", STEPS, "input_tokens", PREFILL_S)
    )
    context = steps * (prompt + steps / 2)
    terms = np.column_stack((steps, context, prefill)) / latency[:, None]
    share, error = _prefill_share(terms)
    surplus = share - right
    return abs(surplus - 1.0) < TOLERANCE and surplus > LEAST_CERTAINTY * error


def _prefill_share(terms: Floats) -> tuple[float, float]:
    """Fit the terms to one, without outliers; return the last weight and its standard error.

    Args:
        terms: Each row's terms over its latency, shape ``(rows, terms)``.
    """
    scaled = terms / np.abs(terms).max(axis=0)
    kept = np.ones(len(terms), dtype=bool)
    weights, sigma = np.zeros(terms.shape[1]), np.inf
    for _ in range(PASSES):
        weights = np.linalg.lstsq(scaled[kept], np.ones(kept.sum()), rcond=None)[0]
        residuals = np.abs(scaled @ weights - 1.0)
        sigma = max(LEAST_SIGMA, MEDIAN_TO_SIGMA * float(np.median(residuals)))
        kept = residuals <= OUTLYING * sigma
    spread = np.linalg.pinv(scaled[kept].T @ scaled[kept])
    size = np.abs(terms).max(axis=0)[-1]
    return float(weights[-1] / size), float(sigma * np.sqrt(max(spread[-1, -1], 0.0)) / size)


PREFILL_TWICE = Rule(
    name="prefill counted again",
    looks_for="a decode that includes prefill, or a request that includes it twice",
    severity=Severity.ERROR,
    action=Action.REJECT,
    advice="decode lasts from the first token to the last; a request is prefill and decode",
    found="latency_s",
    expected="latency_s without the surplus prefill",
    check=check,
)
