"""Public measurements as canonical tables; they are read from a folder, never shipped.

The folder holds the tidy tables that each function names. Every function returns a frame with
the canonical columns, plus what a protocol needs to draw its splits.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

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


def mmlu_requests(folder: Path) -> pl.DataFrame:
    """Return real MMLU requests on the Orin, a row per request.

    Columns: model, subject, input_tokens, output_tokens, prefill_latency_s, decode_latency_s.
    """
    requests = pl.read_csv(folder / "edgereasoning" / "mmlu_requests.csv")
    return requests.filter(pl.col("model").is_in(list(MODEL_IDS))).select(
        pl.col("model").replace_strict(MODEL_IDS),
        "subject",
        "input_tokens",
        "output_tokens",
        "prefill_latency_s",
        "decode_latency_s",
    )


def as_phase_rows(requests: pl.DataFrame) -> pl.DataFrame:
    """Turn requests into canonical rows, one per phase that did any work."""
    prefill = requests.with_columns(
        phase=pl.lit("prefill"),
        output_tokens=pl.lit(1, dtype=pl.Int64),
        latency_s=pl.col("prefill_latency_s"),
    )
    decode = requests.filter(pl.col("output_tokens") > 1).with_columns(
        phase=pl.lit("decode"), latency_s=pl.col("decode_latency_s")
    )
    return (
        pl.concat([prefill, decode])
        .with_columns(
            device=pl.lit(EDGE_DEVICE),
            power_mode=pl.lit("maxn"),
            runtime=pl.lit("vllm"),
            precision=pl.lit("bf16"),
            source=pl.lit("EdgeReasoning, MMLU requests"),
        )
        .select(CANONICAL)
    )


def server_grid(folder: Path) -> pl.DataFrame:
    """Return the 6 x 6 grid of whole Llama-3-8B requests on an A100, canonical."""
    grid = pl.read_csv(folder / "argonne_llm_inference_bench" / "llama3_8b_a100_grid.csv")
    return grid.with_columns(
        device=pl.lit(SERVER_DEVICE),
        power_mode=pl.lit("default"),
        runtime=pl.lit("tensorrt-llm"),
        precision=pl.lit("fp16"),
        model=pl.lit(SERVER_MODEL),
        source=pl.lit("LLM-Inference-Bench, Fig. 1b"),
    ).select(CANONICAL)
