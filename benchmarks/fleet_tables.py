"""Tables of curves for the speed of ``fit-fleet``: imagined ones of any size, and real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from token2metrics.fleet.columns import DEFAULT_BY
from token2metrics.vocabulary import Phase

FEWEST_ROWS, MOST_ROWS = 4, 16
LONGEST_PROMPT, LONGEST_ANSWER = 4_096, 1_024
NOISE = 0.03
"""Standard deviation of the logarithms of the imagined seconds."""

LEVEL_SPREAD, SHAPE_SPREAD = 1.0, 0.3
PREFILL_S = (2e-4, 0.05)
DECODE_S = (0.02, 2e-6, 0.03)
"""Weights of ``linear`` on a device of level one: per token and once; per step, per attended key
and once."""

CURVES_PER_DEVICE, MODELS, POWER_MODES = 200, 20, 5
SEED = 20261127
REAL_FILES = ("edge_llm_bench_phone_mac_x86/runs.csv", "ibm_llm_pilot/requests_1user.csv")


def imagined(curves: int) -> pl.DataFrame:
    """Return the rows of so many curves, half of them prefill, in random order.

    Args:
        curves: How many; each has 4 to 16 rows, 10 in the mean.
    """
    chance = np.random.default_rng(SEED)
    counts = chance.integers(FEWEST_ROWS, MOST_ROWS + 1, curves)
    curve = np.repeat(np.arange(curves), counts)
    prompts = chance.integers(16, LONGEST_PROMPT + 1, len(curve))
    answers = chance.integers(2, LONGEST_ANSWER + 1, len(curve))
    shape = np.exp(chance.normal(0.0, SHAPE_SPREAD, (3, curves)))[:, curve]
    level = np.exp(chance.normal(0.0, LEVEL_SPREAD, curves))[curve]
    steps = answers - 1.0
    attended = steps * prompts + steps * (steps + 1.0) / 2.0
    prefill_s = PREFILL_S[0] * shape[0] * prompts + PREFILL_S[1] * shape[2]
    decode_s = (
        DECODE_S[0] * shape[0] * steps + DECODE_S[1] * shape[1] * attended + DECODE_S[2] * shape[2]
    )
    noise = np.exp(chance.normal(0.0, NOISE, len(curve)))
    rows = pl.DataFrame(
        {
            "curve": curve,
            "input_tokens": prompts,
            "output_tokens": answers,
            "latency_s": np.where(curve % 2 == 0, prefill_s, decode_s) * level * noise,
        }
    )
    return _named(rows).sample(fraction=1.0, shuffle=True, seed=0)


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """Give every curve a device, a model and a power mode of its own."""
    curve = pl.col("curve")
    phase = pl.when(curve % 2 == 0).then(pl.lit(str(Phase.PREFILL)))
    return rows.with_columns(
        device=pl.format("device-{}", curve // CURVES_PER_DEVICE),
        power_mode=pl.format("{}w", curve // 2 % POWER_MODES),
        runtime=pl.lit("vllm"),
        precision=pl.lit("bf16"),
        model=pl.format("model-{}", curve // (2 * POWER_MODES) % MODELS),
        phase=phase.otherwise(pl.lit(str(Phase.DECODE))),
    ).select(*DEFAULT_BY, "input_tokens", "output_tokens", "latency_s")


def real(data: Path) -> pl.DataFrame:
    """Return measured rows of phones, laptops and servers as canonical rows.

    Args:
        data: Folder of the public measurements.
    """
    phones, servers = (
        pl.read_csv(data / name, infer_schema_length=None, ignore_errors=True)
        for name in REAL_FILES
    )
    phones = phones.with_columns(
        runtime=pl.col("backend").fill_null("unstated").str.to_lowercase(),
        precision=pl.col("quant").fill_null("unstated").str.to_lowercase(),
    )
    servers = servers.with_columns(
        device=pl.format("{}-x{}", "device", "num_devices"),
        runtime=pl.lit("unstated"),
        precision=pl.lit("unstated"),
    )
    tables = [
        table.select(
            pl.col("device"),
            pl.lit("unstated").alias("power_mode"),
            pl.col("runtime"),
            pl.col("precision"),
            pl.col("model"),
            pl.lit(str(phase)).alias("phase"),
            pl.col("input_tokens").cast(pl.Float64).round(),
            pl.col("output_tokens").cast(pl.Float64).round(),
            pl.col(f"{phase}_latency_s").cast(pl.Float64, strict=False).alias("latency_s"),
        )
        for table in (phones, servers)
        for phase in (Phase.PREFILL, Phase.DECODE)
    ]
    known = (pl.col("input_tokens") > 0, pl.col("latency_s") > 0)
    enough = (pl.col("phase") == str(Phase.PREFILL)) | (pl.col("output_tokens") > 1)
    return pl.concat(tables).drop_nulls().filter(*known, enough)
