"""Split a table as read into accepted rows, typed, and rejected rows with a reason."""

from dataclasses import dataclass

import polars as pl

from token2metrics.columns import AS_READ, CANONICAL, CONDITIONS, PROVENANCE, SURPLUS, UNSTATED
from token2metrics.processors.rules import (
    BAD_FLAG,
    BAD_FLAGS,
    COUNTS,
    DUPLICATE,
    DUPLICATE_MESSAGE,
    ENERGY_QUANTITIES,
    ENERGY_RULES,
    MEAN_POWER,
    NUMBERS,
    PARSED,
    RULES,
    Rule,
    parsed,
)

CATEGORY = "category"
REASON = "reason"
ENERGY_SET_ASIDE = "energy_set_aside"
IDLE_POWER = "the meter saw idle power only"
IDLE_POWER_FLAG = "power_is_idle_only"
SHOWN_CHARACTERS = 60
NOTHING = "nothing"
ENERGY_COLUMNS = (*ENERGY_QUANTITIES, "power_rail")


@dataclass(frozen=True, slots=True)
class Validated:
    """A table after the row rules; nothing is read yet.

    Attributes:
        accepted: Canonical columns with their types, ``file``, ``row`` and ``energy_set_aside``.
        rejected: The columns as read, ``file``, ``row``, ``category`` and ``reason``.
    """

    accepted: pl.LazyFrame
    rejected: pl.LazyFrame


def validate(frame: pl.LazyFrame) -> Validated:
    """Check every row by itself, so that no bad row costs a good one.

    Args:
        frame: Text columns as ``load`` returns them; optional ones may be absent.

    Returns:
        Accepted and rejected rows, each row of ``frame`` in exactly one of them.
    """
    checked = (
        frame.pipe(clean_text)
        .pipe(parse_numbers)
        .pipe(derive_energy)
        .with_columns(category=_first_broken())
        .with_columns(category=_or_duplicate())
    )
    good = pl.col(CATEGORY).is_null()
    return Validated(
        accepted=checked.filter(good).pipe(to_canonical),
        rejected=checked.filter(~good).pipe(explain),
    )


def clean_text(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Strip every cell, make blank ones null and add absent columns."""
    present = frame.collect_schema().names()
    cells = (
        pl.col(name).cast(pl.String).str.strip_chars() if name in present else _nothing(name)
        for name in (*AS_READ, SURPLUS)
    )
    text = pl.col(*AS_READ, SURPLUS)
    return frame.select(*cells, *PROVENANCE).with_columns(pl.when(text != "").then(text))


def _nothing(name: str) -> pl.Expr:
    """Return an absent column."""
    return pl.lit(None, dtype=pl.String).alias(name)


def parse_numbers(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Add a number beside every text that should be one; null where it is none."""
    return frame.with_columns(
        pl.col(name).cast(pl.Float64, strict=False).alias(PARSED + name) for name in NUMBERS
    )


def derive_energy(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Fill energy from power and latency where only power is given; add mean power and flags."""
    from_power = pl.col("energy_j").is_null() & pl.col("power_w").is_not_null()
    derived = pl.when(from_power)
    flags = pl.col("quality_flags").str.to_lowercase()
    return frame.with_columns(
        derived.then(parsed("power_w") * parsed("latency_s"))
        .otherwise(parsed("energy_j"))
        .alias(PARSED + "energy_j"),
        derived.then(parsed("latency_s"))
        .otherwise(parsed("energy_window_s"))
        .alias(PARSED + "energy_window_s"),
        flags.str.extract(_word(*BAD_FLAGS)).alias(BAD_FLAG),
    ).with_columns(
        (parsed("energy_j") / pl.coalesce(parsed("energy_window_s"), parsed("latency_s"))).alias(
            MEAN_POWER
        )
    )


def _word(*words: str) -> str:
    """Return a pattern that captures any of the words in a separated list."""
    return rf"(?:^|[,;\s])({'|'.join(words)})(?:$|[,;\s])"


def _first_broken() -> pl.Expr:
    """Name of the first broken rule of each row; null for a good row."""
    return pl.coalesce(pl.when(rule.broken).then(pl.lit(rule.name)) for rule in RULES)


def _or_duplicate() -> pl.Expr:
    """Mark good rows that equal an earlier good row in everything read."""
    good = pl.col(CATEGORY).is_null()
    everything = [pl.col(name) for name in AS_READ if name not in NUMBERS]
    first = pl.struct(*everything, *(parsed(name) for name in NUMBERS), good).is_first_distinct()
    return pl.when(good & ~first).then(pl.lit(DUPLICATE)).otherwise(pl.col(CATEGORY))


def to_canonical(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Give good rows their types and defaults; drop energies that cannot be right."""
    idle = pl.col("quality_flags").str.to_lowercase().str.contains(_word(IDLE_POWER_FLAG))
    broken = (pl.when(rule.broken).then(pl.lit(rule.name)) for rule in ENERGY_RULES)
    unusable = pl.coalesce(pl.when(idle).then(pl.lit(IDLE_POWER)), *broken)
    metered = pl.col("energy_j").is_not_null() | parsed("energy_j").is_not_null()
    typed = frame.with_columns(
        *(pl.coalesce(parsed(name), 1).cast(pl.Int64).alias(name) for name in COUNTS),
        *(parsed(name).alias(name) for name in ("latency_s", *ENERGY_QUANTITIES)),
        *(
            pl.coalesce(pl.col(name).str.to_lowercase(), pl.lit(UNSTATED)).alias(name)
            for name in CONDITIONS
        ),
        pl.col("phase").str.to_lowercase(),
        pl.col("source").fill_null(""),
        pl.when(metered).then(unusable).alias(ENERGY_SET_ASIDE),
    )
    return typed.with_columns(
        pl.when(metered & pl.col(ENERGY_SET_ASIDE).is_null()).then(pl.col(*ENERGY_COLUMNS)),
    ).select(*CANONICAL, *PROVENANCE, ENERGY_SET_ASIDE)


def explain(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Add the reason of each rejected row to its cells as read."""
    before = {rule.name: rule.before for rule in RULES} | {DUPLICATE: DUPLICATE_MESSAGE}
    after = {rule.name: rule.after for rule in RULES}
    category = pl.col(CATEGORY)
    reason = pl.concat_str(
        category.replace_strict(before, return_dtype=pl.String),
        _offending_values(RULES),
        category.replace_strict(after, default="", return_dtype=pl.String),
    )
    return frame.select(*AS_READ, *PROVENANCE, category, reason.alias(REASON))


def _offending_values(rules: tuple[Rule, ...]) -> pl.Expr:
    """Quote the cell that broke each row's rule; empty for rules that show none."""
    rules_of: dict[str, list[str]] = {}
    for rule in rules:
        if rule.column is not None:
            rules_of.setdefault(rule.column, []).append(rule.name)
    return pl.coalesce(
        *(
            pl.when(pl.col(CATEGORY).is_in(names)).then(_quoted(column))
            for column, names in rules_of.items()
        ),
        pl.lit(""),
    )


def _quoted(column: str) -> pl.Expr:
    """Quote a cell, shortened; say so when there is nothing."""
    cell = pl.col(column).cast(pl.String).str.head(SHOWN_CHARACTERS)
    return pl.coalesce(pl.format("'{}'", cell), pl.lit(NOTHING))
