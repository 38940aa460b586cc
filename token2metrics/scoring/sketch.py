"""Percentiles in bounded memory: counts of values in buckets whose widths grow with the value.

The buckets are those of DDSketch (Masson, Rim and Lee, VLDB 2019): bucket ``i`` holds the values
above ``g ** (i - 1)`` up to ``g ** i``. Any value of a bucket is known to ``RELATIVE_ERROR``. The
counts of partitions add up to those of the whole, whatever the partitions and their order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

RELATIVE_ERROR = 0.005
"""How far a percentile may be off the exact one, as a share of it."""

GROWTH = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)
LOG_GROWTH = math.log(GROWTH)
ZERO_BUCKET = -(2**31)
"""Holds what costs nothing."""


def bucket_of(value: pl.Expr) -> pl.Expr:
    """Return the bucket of each value >= 0; null for null.

    Args:
        value: Floats.
    """
    place = (value.log() / LOG_GROWTH).ceil().cast(pl.Int32, strict=False)
    return pl.when(value > 0).then(place).when(value == 0).then(ZERO_BUCKET)


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """Return the value below which a share of all values lies; None without values.

    Args:
        buckets: How many values each bucket holds.
        share: Between 0 and 1; the rank is that of the nearest value not above.
    """
    count = sum(buckets.values())
    if not count:
        return None
    rank = math.floor(share * (count - 1))
    passed = 0
    for bucket in sorted(buckets):
        passed += buckets[bucket]
        if passed > rank:
            return value_of(bucket)
    raise AssertionError("every rank lies in a bucket")


def value_of(bucket: int) -> float:
    """Return the value that is at most ``RELATIVE_ERROR`` off any value of a bucket."""
    if bucket == ZERO_BUCKET:
        return 0.0
    return 2.0 * math.exp(bucket * LOG_GROWTH) / (GROWTH + 1.0)
