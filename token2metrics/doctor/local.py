"""What the rate of a row should be, judged by repeats and by the nearest lengths."""

from __future__ import annotations

import polars as pl

from token2metrics.doctor.table import GROUP, LENGTH, PLACE, RATE, SETTING

EXPECTED_RATE = "expected_rate_s"
DEVIATION = "deviation"
"""Logarithm of a row's rate over the expected one."""

ALLOWED = "allowed_deviation"
NEIGHBOURS = (-2, -1, 1, 2)
"""The two nearest lengths on either side; rows without them are not judged by neighbours."""

FEWEST_REPEATS = 3
LEAST_DEVIATION = 0.223
"""Rates that differ by less than a quarter are ordinary, whatever their spread."""

SPREADS = 4.0
"""Or that differ by less than this many upper quartiles of the deviations in their group."""

UPPER_QUARTILE = 0.75
FLAT, SLOPED = "flat", "sloped"
CENTRE = "centre"


def with_expectation(rows: pl.DataFrame) -> pl.DataFrame:
    """Add what each row's rate should be, how far it is off, and how far it may be.

    A rate grows with the length, and at most in proportion to it. So the medians over the nearest
    lengths, of the rate and of the rate per length, bound what is expected: a row between them
    is not off at all. Where a setting was measured three times or more, its median is expected.

    Args:
        rows: Usable rows of a table; those without a rate are dropped.
    """
    rated = rows.filter(pl.col(RATE) > 0)
    settings = rated.group_by((*GROUP, LENGTH)).agg(pl.col(RATE).median().alias(CENTRE))
    near = (
        settings.sort(*GROUP, LENGTH)
        .with_columns(_near(pl.col(CENTRE)).alias(FLAT))
        .with_columns((_near(pl.col(CENTRE) / pl.col(LENGTH)) * pl.col(LENGTH)).alias(SLOPED))
    )
    joined = rated.join(near, on=[*GROUP, LENGTH], how="left", maintain_order="left")
    repeated = pl.len().over(SETTING) >= FEWEST_REPEATS
    between = pl.col(RATE).clip(pl.min_horizontal(FLAT, SLOPED), pl.max_horizontal(FLAT, SLOPED))
    expected = (
        pl.when(repeated)
        .then(pl.col(RATE).median().over(SETTING))
        .when(pl.col(FLAT).is_not_null())
        .then(between)
    )
    return (
        joined.with_columns(expected.alias(EXPECTED_RATE))
        .with_columns((pl.col(RATE) / pl.col(EXPECTED_RATE)).log().alias(DEVIATION))
        .with_columns(_allowed().alias(ALLOWED))
        .sort(PLACE)
    )


def _near(quantity: pl.Expr) -> pl.Expr:
    """Return the median of a quantity over the nearest lengths; null without all of them."""
    around = [quantity.shift(-step).over(GROUP) for step in NEIGHBOURS]
    complete = pl.all_horizontal(one.is_not_null() for one in around)
    return pl.when(complete).then(pl.concat_list(around).list.median())


def _allowed() -> pl.Expr:
    """Return how far a rate of each group may be off."""
    spread = pl.col(DEVIATION).abs().quantile(UPPER_QUARTILE).over(GROUP)
    return pl.max_horizontal(pl.lit(LEAST_DEVIATION), SPREADS * spread)
