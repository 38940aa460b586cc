"""What the rows of a partition add up to, by group, exactly: sums do not depend on partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
import polars as pl

from token2metrics.errors import DataError
from token2metrics.prediction.quantities import EXTRAPOLATED
from token2metrics.scoring.sketch import bucket_of

SUM_DECIMALS = 9
"""Sums are of whole nanoseconds and nanojoules, as integers: their order does not matter."""

LARGEST = 1e20
"""Seconds or joules of one request that are summed at most; no request takes so many."""

MOST_GROUPS = 100_000
"""Groups are kept in memory; a column with more values is no group."""

INPUT_TOKENS, OUTPUT_TOKENS, REQUESTS = "input_tokens", "output_tokens", "requests"
PRICED_AS = "priced_as"
"""Column that names the model of a row, where rows can have several."""

Key = tuple[str | None, ...]


class Measure(msgspec.Struct):
    """One quantity of the requests of a group.

    Attributes:
        requests: Requests of which it is known.
        total: Its sum.
        buckets: How many of them each bucket of the sketch holds.
    """

    requests: int = 0
    total: Decimal = Decimal(0)
    buckets: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, other: Measure) -> None:
        """Take in the same quantity of other requests."""
        self.requests += other.requests
        self.total += other.total
        self.buckets = dict(Counter(self.buckets) + Counter(other.buckets))


class Tally(msgspec.Struct):
    """What the requests of a group add up to.

    Attributes:
        requests: How many they are.
        input_tokens: Their prompt tokens.
        output_tokens: Their output tokens, of one answer each.
        extrapolated: How many lie outside the measured range.
        measures: The quantities that are summed.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    extrapolated: int = 0
    measures: dict[str, Measure] = msgspec.field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take in other requests."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.extrapolated += other.extrapolated
        for name, measure in other.measures.items():
            self.measures.setdefault(name, Measure()).add(measure)


class GroupTally(msgspec.Struct):
    """The tally of a group and of a model.

    Attributes:
        key: The group's value in each column; None where a row has none.
        model: Key of the model.
        tally: What its requests add up to.
    """

    key: Key
    model: str
    tally: Tally


def tally_rows(
    priced: pl.LazyFrame,
    groups: Sequence[str],
    model: str | None,
    tokens: tuple[pl.Expr, pl.Expr],
    measured: Sequence[str],
) -> list[GroupTally]:
    """Add up priced rows.

    Args:
        priced: The rows.
        groups: Columns to split by.
        model: Key of the model of every row; None where ``PRICED_AS`` tells.
        tokens: Input and output tokens as numbers.
        measured: Quantities to sum and rank.

    Raises:
        DataError: If there are too many groups.
    """
    split = groups if model is not None else (*groups, PRICED_AS)
    keys = [f"key_{place}" for place in range(len(split))]
    rows = priced.select(
        *(pl.col(name).cast(pl.String).alias(key) for name, key in zip(split, keys, strict=True)),
        *(one.cast(pl.Int64).alias(n) for one, n in zip(tokens, _TOKENS, strict=True)),
        *(pl.col(name) for name in (*measured, EXTRAPOLATED)),
    )
    added = _sums(measured)
    queries = [rows.group_by(keys).agg(*added) if keys else rows.select(*added)]
    for name in measured:
        queries.append(rows.group_by(*keys, bucket_of(pl.col(name)).alias("bucket")).len())
    sums, *counts = pl.collect_all(queries, engine="streaming")
    if sums.height > MOST_GROUPS:
        raise DataError(
            f"expected at most {MOST_GROUPS:,} groups, got {sums.height:,} in one partition; "
            "group by a column with fewer values"
        )
    found = {row[: len(keys)]: _tally(row[len(keys) :], measured) for row in sums.iter_rows()}
    for name, counted in zip(measured, counts, strict=True):
        for *key, bucket, count in counted.iter_rows():
            if bucket is not None:
                found[tuple(key)].measures[name].buckets[bucket] = count
    return [_of_group(key, model, tally) for key, tally in found.items() if tally.requests]


def _of_group(key: Key, model: str | None, tally: Tally) -> GroupTally:
    """Return the tally of a group, whose model is the last of its key where rows tell it."""
    if model is not None:
        return GroupTally(key, model, tally)
    *rest, named = key
    return GroupTally(tuple(rest), str(named), tally)


_TOKENS = (INPUT_TOKENS, OUTPUT_TOKENS)


def _sums(measured: Sequence[str]) -> Iterable[pl.Expr]:
    """Yield the sums of a group; seconds and joules in whole billionths."""
    yield pl.len()
    yield from (pl.col(name).sum() for name in (*_TOKENS, EXTRAPOLATED))
    for name in measured:
        bounded = pl.col(name).clip(upper_bound=LARGEST)
        billionths = (bounded * 10.0**SUM_DECIMALS).round().cast(pl.Int128)
        yield pl.col(name).count().alias(f"{name}_count")
        yield billionths.sum().alias(f"{name}_sum")


def _tally(sums: Sequence[int], measured: Sequence[str]) -> Tally:
    """Return the sums of a group, not yet ranked."""
    requests, prompts, answers, extrapolated, *rest = sums
    measures = {
        name: Measure(int(count), Decimal(int(total)).scaleb(-SUM_DECIMALS))
        for name, count, total in zip(measured, rest[::2], rest[1::2], strict=True)
    }
    return Tally(int(requests), int(prompts), int(answers), int(extrapolated), measures)
