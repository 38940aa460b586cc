"""Public measurements as canonical tables; they are read from a folder, never shipped.

The folder holds the tidy tables that each function names. Every function returns a frame with
the canonical columns, plus what a protocol needs to draw its splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from token2metrics.columns import REQUIRED

EDGE_DEVICE = "jetson-agx-orin-64gb"
SERVER_DEVICE = "nvidia-a100"
SERVER_MODEL = "llama-3-8b"
MODEL_IDS = {
    "DeepSeek-R1-Distill-Qwen-1.5B": "dsr1-qwen-1.5b",
    "DeepSeek-R1-Distill-Llama-8B": "dsr1-llama-8b",
    "DeepSeek-R1-Distill-Qwen-14B": "dsr1-qwen-14b",
}
SHORT_NAMES = {"dsr1-qwen-1.5b": "1.5B", "dsr1-llama-8b": "8B", "dsr1-qwen-14b": "14B"}

CANONICAL = (*REQUIRED, "source")
ENERGY = ("energy_j", "energy_window_s", "energy_samples", "power_rail")
GRID_RAIL = "VDD_GPU_SOC"
ORIN = {
    "device": EDGE_DEVICE,
    "power_mode": "maxn",
    "runtime": "vllm",
    "precision": "bf16",
}
"""Conditions of every EdgeReasoning table."""

MIN_DECODE_TOKENS = 2
NEIGHBOURS_EACH_SIDE = 2
OUTLIER_SHARE = 0.25
"""A sweep row is an outlier where both its latency and its latency per token differ by more than
this from the medians over the two nearest lengths on either side; rows without two lengths on
either side are never judged. Ordinary rows differ by 0.16 at most, the two rows that the
source's own flags name by 0.32 and 7.3."""

Mask = NDArray[np.bool_]


def table(file: Path) -> pl.DataFrame:
    """Read a table, every row of it before the types of its columns are set."""
    return pl.read_csv(file, infer_schema_length=None)


@lru_cache
def mmlu_requests(folder: Path) -> pl.DataFrame:
    """Return real MMLU requests on the Orin, a row per request, in the order of the file.

    Columns: model, subject, input_tokens, output_tokens, prefill_latency_s, decode_latency_s.
    """
    requests = table(folder / "edgereasoning" / "mmlu_requests.csv")
    return requests.filter(pl.col("model").is_in(list(MODEL_IDS))).select(
        pl.col("model").replace_strict(MODEL_IDS),
        "subject",
        "input_tokens",
        "output_tokens",
        "prefill_latency_s",
        "decode_latency_s",
    )


def requests_of(folder: Path, model: str) -> pl.DataFrame:
    """Return the MMLU requests of one model."""
    return mmlu_requests(folder).filter(pl.col("model") == model)


def as_phase_rows(
    requests: pl.DataFrame,
    conditions: dict[str, str] | None = None,
    source: str = "EdgeReasoning, MMLU requests",
    keep: Sequence[str] = (),
) -> pl.DataFrame:
    """Turn requests into canonical rows, one per phase that did any work.

    Args:
        requests: Columns model, input_tokens, output_tokens, prefill_latency_s and
            decode_latency_s.
        conditions: Device, power mode, runtime and precision; None for the Orin's.
        source: Where the rows come from.
        keep: Further columns to keep.
    """
    prefill = requests.with_columns(
        phase=pl.lit("prefill"),
        output_tokens=pl.lit(1, dtype=pl.Int64),
        latency_s=pl.col("prefill_latency_s"),
    )
    decode = requests.filter(pl.col("output_tokens") >= MIN_DECODE_TOKENS).with_columns(
        phase=pl.lit("decode"), latency_s=pl.col("decode_latency_s")
    )
    return measured_under(pl.concat([prefill, decode]), conditions or ORIN, source).select(
        *CANONICAL, *keep
    )


def measured_under(rows: pl.DataFrame, conditions: dict[str, str], source: str) -> pl.DataFrame:
    """Add the columns that all rows of a table share."""
    return rows.with_columns(
        *(pl.lit(value).alias(name) for name, value in conditions.items()),
        source=pl.lit(source),
    )


@lru_cache
def prefill_sweep(folder: Path) -> pl.DataFrame:
    """Return the prefill latencies of 3 to 4,119 tokens, canonical, flags and outliers as read."""
    sweep = table(folder / "edgereasoning" / "prefill_sweep.csv")
    known = sweep.with_columns(pl.col("model").replace_strict(MODEL_IDS))
    return measured_under(known, ORIN, "EdgeReasoning, prefill sweep").select(CANONICAL)


@lru_cache
def parallel_samples(folder: Path) -> pl.DataFrame:
    """Return requests of 128 tokens in and out with 1 to 32 samples at once, a row per number.

    Latencies are means over three seeds; energies are over the metered window, at 1 Hz.
    """
    runs = table(folder / "edgereasoning" / "parallel_scaling_energy.csv").with_columns(
        pl.col("model").replace_strict(MODEL_IDS),
        input_tokens=pl.col("input_tokens_nominal"),
        output_tokens=pl.col("output_tokens_per_sample"),
        parallel=pl.col("parallel_samples"),
        latency_s=pl.col("total_latency_s"),
        energy_j=pl.col("window_energy_j"),
        energy_window_s=pl.max_horizontal("monitoring_window_s", "total_latency_s"),
        energy_samples=pl.col("monitoring_window_s").round().clip(1.0),
        power_rail=pl.lit(GRID_RAIL),
    )
    rows = measured_under(runs, ORIN, "EdgeReasoning, parallel scaling")
    return rows.select(*CANONICAL, *ENERGY, "parallel")


def ordinary(sweep: pl.DataFrame) -> Mask:
    """Return which rows of one model's sweep are no outliers; see ``OUTLIER_SHARE``."""
    tokens = sweep["input_tokens"].to_numpy().astype(np.float64)
    latency_s = sweep["latency_s"].to_numpy()
    lengths = np.unique(tokens)
    medians = np.array([np.median(latency_s[tokens == length]) for length in lengths])
    kept = np.ones(len(tokens), dtype=bool)
    for row, place in enumerate(np.searchsorted(lengths, tokens)):
        if not NEIGHBOURS_EACH_SIDE <= place < len(lengths) - NEIGHBOURS_EACH_SIDE:
            continue
        near = np.r_[place - NEIGHBOURS_EACH_SIDE : place, place + 1 : place + 3]
        whole = latency_s[row] / np.median(medians[near]) - 1
        per_token = latency_s[row] / tokens[row] / np.median(medians[near] / lengths[near]) - 1
        kept[row] = min(abs(whole), abs(per_token)) <= OUTLIER_SHARE
    return kept


@lru_cache
def decode_grid(folder: Path) -> pl.DataFrame:
    """Return the decode grid from two output tokens on, canonical with energies over windows.

    Where the real prompt length is missing, as throughout 8B, the nominal one stands in.
    """
    grid = table(folder / "edgereasoning" / "decode_grid.csv")
    known = grid.filter(pl.col("output_tokens") >= MIN_DECODE_TOKENS).with_columns(
        pl.col("model").replace_strict(MODEL_IDS),
        pl.coalesce("input_tokens", "nominal_input_tokens").cast(pl.Int64).alias("input_tokens"),
        energy_j=pl.col("window_energy_j"),
        energy_window_s=pl.col("monitoring_window_s"),
        energy_samples=pl.col("monitoring_window_s"),
        power_rail=pl.lit(GRID_RAIL),
    )
    source = "EdgeReasoning, decode grid"
    return measured_under(known, ORIN, source).select(*CANONICAL, *ENERGY)


@lru_cache
def server_grid(folder: Path) -> pl.DataFrame:
    """Return the 6 x 6 grid of whole Llama-3-8B requests on an A100, canonical."""
    grid = table(folder / "argonne_llm_inference_bench" / "llama3_8b_a100_grid.csv")
    conditions = {
        "device": SERVER_DEVICE,
        "power_mode": "default",
        "runtime": "tensorrt-llm",
        "precision": "fp16",
        "model": SERVER_MODEL,
    }
    return measured_under(grid, conditions, "LLM-Inference-Bench, Fig. 1b").select(CANONICAL)
