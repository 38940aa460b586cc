"""Price requests with the curves of a fleet: a join, and the same features as expressions."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from token2metrics.columns import CONDITIONS, UNSTATED
from token2metrics.errors import DataError
from token2metrics.fleet.columns import FAMILY, FEWEST, FITTED, INPUT, MOST, OUTPUT, RANGES, STATUS
from token2metrics.fleet.families import FleetFamily, features, weight_names
from token2metrics.fleet.sharing import PHASE
from token2metrics.prediction.count_rules import broken_counts, cell
from token2metrics.prediction.polars_algebra import ALGEBRA
from token2metrics.vocabulary import FITTED_PHASES, Phase

HIDDEN, EVERY = "__fleet_", "every"
"""Prefix of columns that exist only while requests are priced, and a key that all share."""

COUNTS = {INPUT: f"{HIDDEN}{INPUT}", OUTPUT: f"{HIDDEN}{OUTPUT}"}
LATENCY, EXTRAPOLATED, REASON = "latency_s", "extrapolated", "reason"
PRICED = (*(f"{phase}_{LATENCY}" for phase in FITTED_PHASES), LATENCY, EXTRAPOLATED, REASON)
"""Columns that pricing adds, in order."""

NO_CURVE = "no fitted curve of this request"


def predict(curves: pl.LazyFrame, requests: pl.LazyFrame) -> pl.LazyFrame:
    """Price requests, each by the curves that its columns name.

    A request takes the sum of its prefill and decode curves; where one is missing, a curve that
    was fitted to whole requests. A column that tells curves apart may be left out of the requests
    where all curves agree in it.

    Args:
        curves: A table that ``fit-fleet`` wrote.
        requests: ``input_tokens``, ``output_tokens``, and the columns that tell curves apart.

    Returns:
        The requests in their order, with ``PRICED``: seconds, null without a curve, whether a
        request lies outside the measured token counts, and why there are no seconds.

    Raises:
        DataError: If a table lacks a column, or requests have one that would be replaced.
    """
    columns = curves.collect_schema().names()
    if FAMILY not in columns:
        raise DataError(f"expected curves that fit-fleet wrote, got {', '.join(columns)}")
    asked = requests.collect_schema().names()
    keys = _keys(curves, columns[: columns.index(FAMILY)], asked)
    _refuse_columns(asked)
    priced = requests.with_columns(
        cell(name).cast(pl.Float64, strict=False).alias(number) for name, number in COUNTS.items()
    )
    fitted = curves.filter(pl.col(STATUS) == FITTED)
    family = _family(curves)
    for phase in Phase:
        priced = _joined(priced, fitted, phase, family, keys)
    return priced.with_columns(_columns(family)).select(*asked, *PRICED)


def _keys(curves: pl.LazyFrame, by: list[str], asked: list[str]) -> list[str]:
    """Return the columns by which requests find their curves."""
    apart = [name for name in by if name != PHASE]
    missing = [name for name in apart if name not in asked]
    if missing:
        values = curves.select(pl.col(missing).n_unique()).collect().row(0)
        for name, count in zip(missing, values, strict=True):
            if count > 1:
                raise DataError(
                    f"expected the column {name} in the requests, got {', '.join(asked)}; "
                    f"the curves have {count} values of it"
                )
    return [name for name in apart if name in asked]


def _refuse_columns(asked: list[str]) -> None:
    """Refuse requests without token counts, or with a column that would be replaced."""
    for name in COUNTS:
        if name not in asked:
            raise DataError(f"expected the column {name} in the requests, got {', '.join(asked)}")
    for name in PRICED:
        if name in asked:
            raise DataError(f"requests already have the column {name}; rename it")


def _family(curves: pl.LazyFrame) -> FleetFamily:
    """Return the family of the curves."""
    names = curves.select(pl.col(FAMILY).unique()).collect().get_column(FAMILY).to_list()
    if len(names) != 1 or names[0] not in list(FleetFamily):
        raise DataError(
            f"expected curves of one family, got {', '.join(map(str, names)) or 'none'}"
        )
    return FleetFamily(names[0])


def _joined(
    requests: pl.LazyFrame,
    curves: pl.LazyFrame,
    phase: Phase,
    family: FleetFamily,
    keys: list[str],
) -> pl.LazyFrame:
    """Add the curve of one phase to each request, under hidden names."""
    kept = [*weight_names(family, phase), *RANGES]
    own = curves.filter(pl.col(PHASE) == phase).select(
        pl.lit(EVERY).alias(_hidden(phase, EVERY)),
        *(pl.col(name).cast(pl.String).alias(_hidden(phase, name)) for name in keys),
        *(pl.col(name).alias(_hidden(phase, name)) for name in kept),
    )
    return requests.join(
        own,
        how="left",
        left_on=[pl.lit(EVERY), *map(_told, keys)],
        right_on=[_hidden(phase, name) for name in (EVERY, *keys)],
        maintain_order="left",
    )


def _told(name: str) -> pl.Expr:
    """Return what requests say of a column, written as ``fit-fleet`` writes it."""
    text = cell(name)
    return text.str.to_lowercase().fill_null(UNSTATED) if name in CONDITIONS else text


def _hidden(phase: Phase, name: str) -> str:
    """Name a column of the curve of a phase beside the request's own."""
    return f"{HIDDEN}{phase}_{name}"


def _columns(family: FleetFamily) -> Iterator[pl.Expr]:
    """Yield the columns that pricing adds."""
    answer = pl.col(COUNTS[OUTPUT])
    broken = pl.coalesce(
        *(rule for name, number in COUNTS.items() for rule in broken_counts(name, pl.col(number)))
    )
    lawful = broken.is_null()
    prefill_s, decode_s, whole_s = (_latency_s(family, phase) for phase in Phase)
    decode_s = pl.when(answer <= 1).then(0.0).otherwise(decode_s)
    latency_s = pl.coalesce(prefill_s + decode_s, whole_s)
    known = lawful & latency_s.is_not_null()
    yield pl.when(lawful).then(prefill_s).alias(f"{Phase.PREFILL}_{LATENCY}")
    yield pl.when(lawful).then(decode_s).alias(f"{Phase.DECODE}_{LATENCY}")
    yield pl.when(lawful).then(latency_s).alias(LATENCY)
    summed = (prefill_s + decode_s).is_not_null()
    apart = _outside(Phase.PREFILL) | ((answer > 1) & _outside(Phase.DECODE))
    outside = pl.when(summed).then(apart).otherwise(_outside(Phase.REQUEST))
    yield pl.when(known).then(outside).alias(EXTRAPOLATED)
    missing = pl.when(~known).then(pl.lit(NO_CURVE))
    yield pl.coalesce(broken, missing).alias(REASON)


def _latency_s(family: FleetFamily, phase: Phase) -> pl.Expr:
    """Return the seconds of a phase; null without a curve."""
    prompt, answer = (pl.col(number) for number in COUNTS.values())
    terms = [
        pl.col(_hidden(phase, name)) * feature
        for name, feature in features(family, phase, ALGEBRA, prompt, answer).items()
    ]
    return pl.sum_horizontal(*terms, ignore_nulls=False)


def _outside(phase: Phase) -> pl.Expr:
    """Return whether a request lies outside the token counts that a curve was fitted to."""
    counts = (INPUT,) if phase is Phase.PREFILL else (INPUT, OUTPUT)
    return pl.any_horizontal(
        *(
            ~pl.col(COUNTS[name]).is_between(
                pl.col(_hidden(phase, name + FEWEST)), pl.col(_hidden(phase, name + MOST))
            )
            for name in counts
        )
    )
