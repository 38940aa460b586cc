"""Steps from accepted rows to one row per token setting; each takes and gives a lazy frame.

A step never drops a row: it gives the row a ``category`` and a ``reason``, and later steps look
at the rows that have none.
"""

from enum import StrEnum

import polars as pl

from token2metrics.columns import CANONICAL, CONDITIONS, TOKEN_SETTING, UNSTATED
from token2metrics.config import DataConfig
from token2metrics.processors.validate import (
    CATEGORY,
    ENERGY_COLUMNS,
    ENERGY_SET_ASIDE,
    REASON,
)

ROLE = "role"
SINGLE_STREAM = 1
UNNAMED_RAIL = ""
OTHER_RAIL = "metered on another rail"
BY_DEVICE = ("device",)
CHOSEN_WITHIN = {
    "power_mode": BY_DEVICE,
    "runtime": BY_DEVICE,
    "precision": ("device", "model"),
}
"""Rows of a group share one value of each condition."""


class Role(StrEnum):
    """What a kept row of the edge device is for.

    ``trained``: the model is fitted to it. ``other_mode``: measured in another power mode, it says
    what to believe. ``several``: of several samples at once, it tells how they share the device.
    """

    TRAINED = "trained"
    OTHER_MODE = "other_mode"
    SEVERAL = "several"


def mark(rows: pl.LazyFrame, config: DataConfig, edge_device: str) -> pl.LazyFrame:
    """Give every row a role, and those that the configuration excludes a category and a reason.

    Args:
        rows: Accepted rows.
        config: Which measurements are used.
        edge_device: The device that the choices in ``config`` are about; on every other device
            the most frequent value is taken.
    """
    unmarked = pl.lit(None, dtype=pl.String)
    rows = rows.with_columns(unmarked.alias(CATEGORY), unmarked.alias(REASON))
    rows = part_parallel(rows, edge_device)
    wanted = (config.power_mode, config.runtime, config.precision)
    for column, value in zip(CONDITIONS, wanted, strict=True):
        rows = select_group(rows, column, edge_device, value)
    return rows.pipe(drop_warmup, config.warmup_repeats).pipe(
        select_rail, edge_device, config.power_rail
    )


def is_kept() -> pl.Expr:
    """Return whether no step has set the row aside."""
    return pl.col(CATEGORY).is_null()


def set_aside(
    rows: pl.LazyFrame, excluded: pl.Expr, category: str, reason: pl.Expr
) -> pl.LazyFrame:
    """Mark kept rows for which ``excluded`` is true."""
    now = is_kept() & excluded
    return rows.with_columns(
        pl.when(now).then(pl.lit(category)).otherwise(pl.col(CATEGORY)).alias(CATEGORY),
        pl.when(now).then(reason).otherwise(pl.col(REASON)).alias(REASON),
    )


def is_trained() -> pl.Expr:
    """Return whether a row is kept for the fit itself."""
    return is_kept() & (pl.col(ROLE) == Role.TRAINED)


def part_parallel(rows: pl.LazyFrame, edge_device: str) -> pl.LazyFrame:
    """Part requests of several samples from others; set those of other devices aside."""
    several = pl.col("parallel") != SINGLE_STREAM
    role = pl.when(several).then(pl.lit(Role.SEVERAL)).otherwise(pl.lit(Role.TRAINED))
    return set_aside(
        rows.with_columns(role.alias(ROLE)),
        several & (pl.col("device") != edge_device),
        "set aside: parallel",
        pl.format("set aside: parallel {}, trained on {}", "parallel", pl.lit(SINGLE_STREAM)),
    )


def select_group(
    rows: pl.LazyFrame, column: str, edge_device: str, wanted: str | None
) -> pl.LazyFrame:
    """Set aside rows whose condition is not the chosen one of their device.

    Those of the edge device in another power mode are kept in that role.

    Args:
        rows: Marked rows.
        column: The condition, such as ``power_mode``.
        edge_device: The device that ``wanted`` is about.
        wanted: The condition to keep, beside rows that state none; None keeps the one with the
            most rows of the device, of each of its models for precision.
    """
    slug = None if wanted is None else wanted.strip().lower()
    counted = (is_trained(), is_kept())
    chosen = _chosen(pl.col(column), counted, edge_device, slug, CHOSEN_WITHIN[column])
    assumed = (pl.col(column) == UNSTATED) & pl.lit(wanted is not None)
    other = (pl.col(column) != chosen) & ~assumed
    if column == "power_mode":
        stated = (pl.col(column) != UNSTATED) & (chosen != UNSTATED)
        informs = other & stated & is_trained() & (pl.col("device") == edge_device)
        role = pl.when(informs).then(pl.lit(Role.OTHER_MODE)).otherwise(pl.col(ROLE))
        rows = rows.with_columns(role.alias(ROLE))
        other = other & (pl.col(ROLE) != Role.OTHER_MODE)
    return set_aside(
        rows,
        other,
        f"set aside: {column}",
        pl.format(f"set aside: {column} {{}}, trained on {{}}", column, chosen),
    )


def _chosen(
    value: pl.Expr,
    counted: tuple[pl.Expr, pl.Expr],
    edge_device: str,
    wanted: str | None,
    within: tuple[str, ...],
) -> pl.Expr:
    """Return the wanted value on the edge device, else the most frequent one of each group.

    Rows to be trained on vote first; where they do not decide, all others do.
    """
    name = value.meta.output_name()
    first, then = (votes.sum().over(*within, value) for votes in counted)
    order = value.sort_by(first, then, value, descending=[True, True, False])
    most = order.first().over(*within)
    if wanted is None:
        return most.alias(name)
    on_edge = pl.col("device") == edge_device
    return pl.when(on_edge).then(pl.lit(wanted)).otherwise(most).alias(name)


def drop_warmup(rows: pl.LazyFrame, repeats: int) -> pl.LazyFrame:
    """Set aside the first repeats of every token setting, in file order."""
    if repeats == 0:
        return rows
    place = is_kept().cum_sum().over(TOKEN_SETTING)
    return set_aside(
        rows,
        place <= repeats,
        "set aside: warm-up",
        pl.format("set aside: warm-up repeat {} of {}", place, pl.lit(repeats)),
    )


def select_rail(rows: pl.LazyFrame, edge_device: str, wanted: str | None) -> pl.LazyFrame:
    """Forget energies of another rail than the chosen one of the device; keep the latencies."""
    metered = pl.col("energy_j").is_not_null()
    rail = pl.col("power_rail").fill_null(UNNAMED_RAIL)
    counted = (is_trained() & metered, is_kept() & metered)
    other = metered & (rail != _chosen(rail, counted, edge_device, wanted, BY_DEVICE))
    return rows.with_columns(
        pl.when(~other).then(pl.col(*ENERGY_COLUMNS)),
        pl.coalesce(ENERGY_SET_ASIDE, pl.when(other).then(pl.lit(OTHER_RAIL))),
    )


def aggregate_repeats(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Reduce the repeats of every token setting to their medians, in the order of the settings.

    Energy and window are medians over the metered repeats only; an energy without a window was
    metered over the latency.
    """
    window = pl.coalesce("energy_window_s", "latency_s")
    metered = pl.col("energy_j").is_not_null()
    return (
        rows.group_by(TOKEN_SETTING)
        .agg(
            pl.col("latency_s", "energy_j").median(),
            window.filter(metered).median().alias("energy_window_s"),
            pl.col("energy_samples").filter(metered).median(),
            pl.col("power_rail", "source").min(),
            pl.col("repeats").sum(),
        )
        .sort(TOKEN_SETTING)
        .select(CANONICAL)
    )
