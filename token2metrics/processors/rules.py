"""What a measurement row must fulfil; each broken rule has a name and a message."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from token2metrics.columns import MAX_LATENCY_S, SURPLUS
from token2metrics.vocabulary import MAX_TOKENS, Phase

MIN_POWER_W = 1e-3
MAX_POWER_W = 20_000.0
MIN_WINDOW_SHARE = 0.9
MAX_PHASES_SHARE = 1.05
MIN_OUTPUT_TOKENS = 1

BAD_FLAGS = (
    "warmup",
    "cold",
    "latency_outlier",
    "output_cut_suspected",
    "failed",
    "smoke",
    "cached_prompt",
)
"""Quality flags whose rows are not used."""

COUNTS = ("input_tokens", "output_tokens", "parallel", "repeats")
ENERGY_QUANTITIES = ("energy_j", "energy_window_s", "energy_samples")
QUANTITIES = ("latency_s", *ENERGY_QUANTITIES, "power_w", "phases_s", "stated_total_s")
NUMBERS = (*COUNTS, *QUANTITIES)
INDISPENSABLE = ("input_tokens", "output_tokens", "latency_s")
ENERGY_NUMBERS = ("power_w", *ENERGY_QUANTITIES)
LATENCY_NUMBERS = tuple(name for name in NUMBERS if name not in ENERGY_NUMBERS)

PARSED = "parsed_"
"""Prefix of the number read from a text column of the same name."""

BAD_FLAG = "bad_flag"
MEAN_POWER = "mean_power_w"
DUPLICATE = "duplicate row"
DUPLICATE_MESSAGE = "duplicate of an earlier row"


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a row can be wrong.

    Attributes:
        name: What the count of rejected rows is filed under.
        broken: True where the row is wrong; null counts as right.
        before: Message up to the offending value.
        column: Column of the offending value; None for a message without one.
        after: Message after the offending value.
    """

    name: str
    broken: pl.Expr
    before: str
    column: str | None = None
    after: str = ""


def parsed(column: str) -> pl.Expr:
    """Return the number read from a column."""
    return pl.col(PARSED + column)


def expects(column: str, broken: pl.Expr, expectation: str, advice: str = "") -> Rule:
    """Build a rule about one column.

    Args:
        column: The column.
        broken: True where the rule does not hold.
        expectation: What the column should be, to follow "expected column ".
        advice: What to do about it.
    """
    return Rule(
        name=f"{column} is not {expectation.removeprefix('to be ')}",
        broken=broken,
        before=f"expected {column} {expectation}, got ",
        column=column,
        after=f"; {advice}" if advice else "",
    )


def structure_rules() -> Iterable[Rule]:
    """Yield the rules about names and the shape of a line."""
    yield Rule(
        "too many fields",
        pl.col(SURPLUS).is_not_null(),
        "expected as many fields as the header has, got one more: ",
        SURPLUS,
        "; quote fields that contain commas",
    )
    for column in ("device", "model"):
        yield expects(column, pl.col(column).is_null(), "to be named")
    phases = [str(phase) for phase in Phase]
    known = pl.col("phase").str.to_lowercase().is_in(phases).fill_null(value=False)
    yield expects("phase", ~known, f"to be one of {', '.join(phases)}")
    yield Rule(
        "unknown question",
        pl.col("input_tokens").is_null() & pl.col("question").is_not_null(),
        "input_tokens is unknown: the question is not in the server workbook",
    )


def number_rules() -> Iterable[Rule]:
    """Yield the rules that make every number but energies finite, and every count whole."""
    for column in LATENCY_NUMBERS:
        yield from _finite_number(column)
    for column in COUNTS:
        fractional = parsed(column) != parsed(column).floor()
        yield expects(column, fractional, "to be a whole number")
    for column in ("input_tokens", "output_tokens"):
        outside = ~parsed(column).is_between(0, MAX_TOKENS)
        yield expects(column, outside, f"to be between 0 and {MAX_TOKENS}")
    for column in ("parallel", "repeats"):
        yield expects(column, parsed(column) < 1, "to be at least 1")


def _finite_number(column: str) -> Iterable[Rule]:
    """Yield the rules that make a cell a finite number, or empty where it may be."""
    unreadable = parsed(column).is_null()
    if column not in INDISPENSABLE:
        unreadable = unreadable & pl.col(column).is_not_null()
    yield expects(column, unreadable, "to be a number")
    yield expects(column, ~parsed(column).is_finite(), "to be finite")


def latency_rules() -> Iterable[Rule]:
    """Yield the rules about latencies and the tokens they are for."""
    phase = pl.col("phase").str.to_lowercase()
    few_tokens = parsed("output_tokens") <= MIN_OUTPUT_TOKENS
    instant = (phase == Phase.DECODE) & few_tokens & (parsed("latency_s") == 0)
    yield Rule(
        "no decode step",
        instant,
        "a decode of one output token takes no step, so there is nothing to learn from",
    )
    silent = (phase != Phase.PREFILL) & (parsed("output_tokens") < MIN_OUTPUT_TOKENS)
    yield expects(
        "output_tokens", silent, "to be at least 1 in a decode or request", "was it cut off?"
    )
    yield expects("latency_s", parsed("latency_s") <= 0, "to be above 0")
    yield expects(
        "latency_s",
        parsed("latency_s") > MAX_LATENCY_S,
        f"to be at most {MAX_LATENCY_S:.0f} seconds",
        "is it in milliseconds?",
    )
    yield Rule(
        "prefill and decode exceed the whole request",
        parsed("phases_s") > MAX_PHASES_SHARE * parsed("stated_total_s"),
        "expected prefill and decode to fit into inference_time, got a sum in seconds of ",
        "phases_s",
        "; are prefill and decode in milliseconds, and inference_time in seconds?",
    )


def energy_rules() -> Iterable[Rule]:
    """Yield the rules about energies, their windows and the power they imply."""
    for column in ENERGY_NUMBERS:
        yield from _finite_number(column)
        yield expects(column, parsed(column) <= 0, "to be above 0")
    short = parsed("energy_window_s") < MIN_WINDOW_SHARE * parsed("latency_s")
    yield expects(
        "energy_window_s",
        short,
        "to be as long as latency_s",
        "a window cannot be shorter than the work",
    )
    yield expects("energy_samples", parsed("energy_samples") < 1, "to be at least 1")
    yield Rule(
        "implausible mean power",
        ~pl.col(MEAN_POWER).is_between(MIN_POWER_W, MAX_POWER_W),
        f"expected a mean power between {MIN_POWER_W} and {MAX_POWER_W:.0f} W, got ",
        MEAN_POWER,
        "; is energy_j in joules, and the time in seconds?",
    )


def flag_rules() -> Iterable[Rule]:
    """Yield the rule about quality flags."""
    yield Rule("bad quality flag", pl.col(BAD_FLAG).is_not_null(), "the row is flagged ", BAD_FLAG)


RULES: tuple[Rule, ...] = (
    *structure_rules(),
    *flag_rules(),
    *number_rules(),
    *latency_rules(),
)
"""In the order in which a row is tried; the first broken one gives the reason."""

ENERGY_RULES: tuple[Rule, ...] = tuple(energy_rules())
"""A row that breaks one keeps its latency and loses its energy."""
