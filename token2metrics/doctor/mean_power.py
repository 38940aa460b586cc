"""Rule: energies that are one mean power times a duration."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from token2metrics.doctor.rule import Rule, findings, nothing
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import Table
from token2metrics.processors.rules import MEAN_POWER

METER = ("device", "model", "power_rail")
SAME = 3e-5
"""Powers are one and the same within this relative distance: energies are rounded."""

WIDE = 3e-4
FEWEST_ALIKE = 5
LEAST_CROWDING = 0.25
"""Of the powers within ``WIDE``, the share that is the same; by chance it is ``SAME / WIDE``."""

LEAST_SHARE = 0.5
FEWEST_ROWS = 10
FEWEST_OF_A_POWER = 3
ALIKE = "alike"


def check(table: Table) -> pl.DataFrame:
    """Find meters most of whose powers repeat exactly over phases of different lengths."""
    found = [nothing()]
    for group in table.metered.partition_by(METER):
        if group.height < FEWEST_ROWS or group.get_column("latency_s").n_unique() < FEWEST_ROWS:
            continue
        powers = np.log(group.get_column(MEAN_POWER).to_numpy())
        same, wide = _within(powers, SAME), _within(powers, WIDE)
        crowded = (same >= FEWEST_ALIKE) & (same >= LEAST_CROWDING * wide)
        if crowded.mean() >= LEAST_SHARE:
            counted = group.with_columns(pl.Series(ALIKE, same))
            repeated = counted.filter(pl.col(ALIKE) >= FEWEST_OF_A_POWER)
            found.append(findings(repeated, pl.col(MEAN_POWER), pl.col(ALIKE)))
    return pl.concat(found)


def _within(values: NDArray[np.float64], distance: float) -> NDArray[np.int64]:
    """Count the values within a distance of each, itself included."""
    ordered = np.sort(values)
    above = np.searchsorted(ordered, values + distance, side="right")
    below = np.searchsorted(ordered, values - distance, side="left")
    return (above - below).astype(np.int64)


MEAN_POWERS = Rule(
    name="energy from a mean power",
    looks_for="few distinct powers over many rows: energies are a mean power times a duration",
    severity=Severity.WARNING,
    action=Action.KEEP,
    advice="meter each request; these energies tell the level of the power, not how it varies",
    found="mean power (W)",
    expected="rows with this very power",
    check=check,
)
