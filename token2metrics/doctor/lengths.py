"""Rules: token counts that were asked for rather than counted."""

from __future__ import annotations

import polars as pl

from token2metrics.columns import FILE
from token2metrics.doctor.rule import Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import GROUP, Table
from token2metrics.vocabulary import Phase

ROUND_TOKENS = 64
FEWEST_LENGTHS = 4
MODEL = tuple(name for name in GROUP if name != "phase")


def asked_lengths(table: Table) -> pl.DataFrame:
    """Find rows whose counted tokens are not those asked for."""
    found = []
    for column in ("input_tokens", "output_tokens"):
        asked, real = pl.col(f"asked_{column}"), pl.col(column)
        differ = table.usable.filter(asked != real, _is_counted(column))
        found.append(findings(differ, real, asked, pl.lit(column)))
    return pl.concat(found)


def _is_counted(column: str) -> pl.Expr:
    """Return where a column counts what a request asked for: a prefill has one output token."""
    return pl.lit(column != "output_tokens") | (pl.col("phase") != Phase.PREFILL)


def round_lengths(table: Table) -> pl.DataFrame:
    """Find models whose prompts all have round lengths that nothing confirms."""
    prompt = pl.col("input_tokens")
    of_file = (FILE, *MODEL)
    unconfirmed = table.usable.filter(pl.col("asked_input_tokens").is_null(), prompt > 0)
    suspected = unconfirmed.filter(
        (prompt % ROUND_TOKENS == 0).all().over(of_file),
        prompt.n_unique().over(of_file) >= FEWEST_LENGTHS,
    )
    return findings(suspected, prompt, pl.lit(ROUND_TOKENS))


ASKED_LENGTHS = Rule(
    name="asked lengths differ",
    looks_for="the engine counted other tokens than were asked for",
    severity=Severity.NOTE,
    action=Action.KEEP,
    advice="the counted tokens are used",
    found="counted tokens",
    expected="asked tokens",
    check=asked_lengths,
)
ROUND_LENGTHS = Rule(
    name="round lengths",
    looks_for="every prompt of a model is a multiple of 64 tokens: were they counted or asked for?",
    severity=Severity.NOTE,
    action=Action.KEEP,
    advice="compare with the engine's own counts; templates add tokens",
    found="input_tokens",
    expected="a multiple of",
    check=round_lengths,
)
