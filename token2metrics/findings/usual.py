"""What is usual among measured rows: a request in their middle, and how far they reach."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

import polars as pl

from token2metrics.findings.token_curves import FEWEST_DECODING_TOKENS, Lengths
from token2metrics.vocabulary import Phase

USUAL_INPUT_TOKENS, USUAL_OUTPUT_TOKENS = 512, 128
"""The typical request where nothing was measured."""

USUAL_LENGTHS = Lengths((64, 4_096), (64, 1_024))
"""What curves reach where nothing was measured."""


def typical_request(tables: Sequence[pl.DataFrame]) -> tuple[int, int]:
    """Return a request in the middle of what was measured: input and output tokens.

    Args:
        tables: Prepared rows of each model.
    """
    answered = [pair for table in tables for pair in _answered(table).iter_rows()]
    if not answered:
        return USUAL_INPUT_TOKENS, USUAL_OUTPUT_TOKENS
    prompts, answers = zip(*answered, strict=True)
    return median_low(prompts), median_low(answers)


def usual_lengths(tables: Sequence[pl.DataFrame], phase: Phase) -> Lengths:
    """Return the shortest and longest prompts and answers that were measured.

    Args:
        tables: Prepared rows of each model.
        phase: Prefill, whose rows need no answer, or decode.
    """
    of_phase = [table if phase is Phase.PREFILL else _answered(table) for table in tables]
    prompts = [count for table in of_phase for count in table.get_column("input_tokens")]
    answers = [count for table in of_phase for count in table.get_column("output_tokens")]
    if not prompts:
        return USUAL_LENGTHS
    return Lengths((min(prompts), max(prompts)), (min(answers), max(answers)))


def _answered(table: pl.DataFrame) -> pl.DataFrame:
    """Return the lengths of rows with a token to decode."""
    decoded = table.filter(
        pl.col("phase") != str(Phase.PREFILL), pl.col("output_tokens") >= FEWEST_DECODING_TOKENS
    )
    return decoded.select("input_tokens", "output_tokens")
