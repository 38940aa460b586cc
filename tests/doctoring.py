"""Sound tables for the data doctor: a roofline-like device with noise, and how to spoil them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from token2metrics.columns import FILE, ROW
from token2metrics.doctor.evidence import NO_LINES, Lines
from token2metrics.doctor.examine import examine
from token2metrics.doctor.table import Table, build_table
from token2metrics.processors.validate import validate

NAME = "rows.csv"
TILE_S = 0.025
STEP_S = 0.1
CONTEXT_S = 1e-6
LAUNCH_S = 0.08
POWER_W = 30.0
PROMPTS = (30, 100, 190, 300, 420, 610, 900, 1_300, 2_050)
ANSWERS = (2, 17, 63, 130, 400, 1_001)
WHERE = {
    "device": "board",
    "power_mode": "maxn",
    "runtime": "engine",
    "precision": "bf16",
    "model": "model",
    "source": "a paper",
}
Row = dict[str, Any]


def prefill_s(prompt: int) -> float:
    """Return the latency of a prompt."""
    return LAUNCH_S + TILE_S * -(-prompt // 64)


def decode_s(prompt: int, answer: int) -> float:
    """Return the latency of the steps after the first token."""
    steps = answer - 1
    return steps * (STEP_S + CONTEXT_S * (prompt + answer / 2))


def sound_rows(
    noise: float = 0.0,
    seed: int = 0,
    prompts: Sequence[int] = PROMPTS,
    answers: Sequence[int] = ANSWERS,
    scale: float = 1.0,
) -> list[Row]:
    """Return metered prefills, decodes and requests of every prompt and answer.

    Args:
        noise: Standard deviation of the logarithm of latencies and powers.
        seed: Of the noise.
        prompts: Input lengths.
        answers: Output lengths.
        scale: How slow the device is.
    """
    rows = [_row("prefill", i, 1, prefill_s(i)) for i in prompts]
    rows += [_row("decode", i, o, decode_s(i, o)) for i in prompts for o in answers]
    rows += [_row("request", i, o, prefill_s(i) + decode_s(i, o)) for i in prompts for o in answers]
    random = np.random.default_rng(seed)
    for row, factor in zip(
        rows, np.exp(noise * random.standard_normal((len(rows), 2))), strict=True
    ):
        row["latency_s"] *= scale * factor[0]
        row["energy_j"] = POWER_W * factor[1] * row["latency_s"]
    return rows


def _row(phase: str, prompt: int, answer: int, latency_s: float) -> Row:
    """Return one row."""
    tokens = {"input_tokens": prompt, "output_tokens": answer}
    return WHERE | {"phase": phase, **tokens, "latency_s": latency_s}


def as_table(
    rows: Iterable[Mapping[str, Any]], evidence: pl.DataFrame | None = None, lines: Lines = NO_LINES
) -> Table:
    """Return rows as the doctor sees them, numbered from 1 in the order given."""
    frame = pl.DataFrame([dict(row) for row in rows], infer_schema_length=None, strict=False)
    text = frame.select(pl.all().cast(pl.String)).with_row_index(ROW, 1)
    if FILE not in text.columns:
        text = text.with_columns(pl.lit(NAME).alias(FILE))
    validated = validate(text.lazy())
    accepted, rejected = pl.collect_all((validated.accepted, validated.rejected))
    return build_table(accepted, rejected, evidence, lines)


def found(table: Table) -> dict[str, list[int]]:
    """Return the numbers of the rows that each rule names, sorted."""
    return {
        one.rule.name: sorted(one.findings.get_column(ROW).drop_nulls().to_list())
        for one in examine(table)
    }


def numbers(rows: Sequence[Mapping[str, Any]], **wanted: object) -> list[int]:
    """Return the numbers of the rows with these values."""
    return [
        number
        for number, row in enumerate(rows, start=1)
        if all(row[name] == value for name, value in wanted.items())
    ]
