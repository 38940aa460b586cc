"""Public measurements with known defects, as canonical rows and the mask of the bad ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.datasets import (
    CANONICAL,
    MIN_DECODE_TOKENS,
    MODEL_IDS,
    ORIN,
    as_phase_rows,
    decode_grid,
    measured_under,
    mmlu_requests,
    table,
)
from token2metrics.vocabulary import Phase

INJECTED = ", injected"
GRID = "decode grid"
MMLU = "MMLU requests"
SWEEP = "prefill sweep"
ARGONNE = "LLM-Inference-Bench"
MS_PER_S = 1_000.0
MJ_PER_J = 1_000.0
LARGEST = "dsr1-qwen-14b"
IDLE_TAIL_S = 1.25
KWH_PER_J = 1 / 3.6e6
Known = tuple[pl.DataFrame, pl.Series, pl.Series]
"""Rows, which of them have the defect, and which have another known one."""


@dataclass(frozen=True, slots=True)
class Case:
    """A defect in a data set.

    Attributes:
        defect: The defect.
        data: The data set, and whether the defect was put into it.
        rules: Names of the rules that look for it; none for sound data.
        build: Makes the canonical rows from the folder of the data, and tells the bad ones.
    """

    defect: str
    data: str
    rules: tuple[str, ...]
    build: Callable[[Path], Known]


@dataclass(frozen=True, slots=True)
class FileCase:
    """A defect in a file of a tool.

    Attributes:
        defect: The defect.
        file: The file, in the folder of the public measurements.
        rule: Name of the rule that looks for it.
        known: Its bad rows, as the file's description names them.
        rows: How many rows it has.
    """

    defect: str
    file: str
    rule: str
    known: frozenset[int]
    rows: int


def _none(rows: pl.DataFrame) -> pl.Series:
    """Return that no row is bad."""
    return pl.repeat(value=False, n=rows.height, eager=True)


def _sweep(folder: Path) -> pl.DataFrame:
    """Return the prefill sweep with its mean powers and flags."""
    known = table(folder / "edgereasoning" / "prefill_sweep.csv").with_columns(
        pl.col("model").replace_strict(MODEL_IDS),
        pl.col("quality_flags").fill_null(""),
        power_w=pl.col("window_avg_power_w"),
    )
    return measured_under(known, ORIN, "prefill sweep")


def _outlying(rows: pl.DataFrame) -> pl.Series:
    """Return which rows their source calls outliers."""
    return rows["quality_flags"].str.contains("latency_outlier")


def _copies(rows: pl.DataFrame) -> pl.Series:
    """Return which rows equal an earlier one in every cell."""
    return ~rows.select(pl.struct(pl.all()).is_first_distinct()).to_series()


def idle_power(folder: Path) -> Known:
    """Return prefills whose power is flagged as idle only."""
    rows = _sweep(folder)
    bad = rows["quality_flags"].str.contains("power_is_idle_only")
    return rows.select(*CANONICAL, "power_w"), bad, _outlying(rows)


def outliers(folder: Path) -> Known:
    """Return prefills that are flagged as outliers; without powers, which are another defect."""
    rows = _sweep(folder)
    return rows.select(CANONICAL), _outlying(rows), _none(rows)


def _mmlu_decodes(folder: Path) -> pl.DataFrame:
    """Return the decodes of MMLU requests with the mean power of their subject."""
    requests = table(folder / "edgereasoning" / "mmlu_requests.csv").filter(
        pl.col("model").is_in(list(MODEL_IDS)), pl.col("output_tokens") >= MIN_DECODE_TOKENS
    )
    known = requests.with_columns(
        pl.col("model").replace_strict(MODEL_IDS),
        phase=pl.lit(Phase.DECODE),
        latency_s=pl.col("decode_latency_s"),
        power_w=pl.col("subject_avg_power_w"),
    )
    return measured_under(known, ORIN, "MMLU")


def mean_powers(folder: Path) -> Known:
    """Return requests with the published energies, a subject's mean power times their duration."""
    rows = _mmlu_decodes(folder).with_columns(
        phase=pl.lit(Phase.REQUEST),
        latency_s=pl.col("total_latency_s"),
        energy_j=pl.col("derived_energy_j"),
    )
    return rows.select(*CANONICAL, "energy_j"), rows["energy_j"].is_not_null(), _none(rows)


def two_rails(folder: Path) -> Known:
    """Return the grid's one rail beside the sum of three rails, without their names.

    The latter are mean powers, another defect.
    """
    grid = decode_grid(folder).drop("power_rail")
    requests = _mmlu_decodes(folder).select(*CANONICAL, "power_w")
    rows = pl.concat((grid, requests), how="diagonal")
    is_grid = pl.arange(rows.height, eager=True) < grid.height
    return rows, is_grid, ~is_grid


def idle_tails(folder: Path) -> Known:
    """Return the decode grid, whose windows are whole seconds; bad by the columns themselves."""
    rows = decode_grid(folder)
    return rows, rows["energy_window_s"] > IDLE_TAIL_S * rows["latency_s"], _none(rows)


def sound_requests(folder: Path) -> Known:
    """Return the phases of the MMLU requests."""
    rows = as_phase_rows(mmlu_requests(folder))
    return rows, _none(rows), _copies(rows)


def no_steps(folder: Path) -> Known:
    """Return the decode grid with its answers of one token."""
    rows = _whole_grid(folder)
    return rows.select(CANONICAL), (rows["latency_s"] == 0), _none(rows)


def nominal_lengths(folder: Path) -> Known:
    """Return the decode grid, where one model has nominal prompt lengths only."""
    rows = _whole_grid(folder).filter(pl.col("output_tokens") >= MIN_DECODE_TOKENS)
    return rows.select(CANONICAL), rows["counted_tokens"].is_null(), _none(rows)


def _whole_grid(folder: Path) -> pl.DataFrame:
    """Return every row of the decode grid."""
    grid = table(folder / "edgereasoning" / "decode_grid.csv").with_columns(
        pl.col("model").replace_strict(MODEL_IDS),
        pl.coalesce("input_tokens", "nominal_input_tokens").cast(pl.Int64).alias("input_tokens"),
        counted_tokens=pl.col("input_tokens"),
    )
    return measured_under(grid, ORIN, "decode grid")


def _argonne(folder: Path) -> pl.DataFrame:
    """Return requests of many devices, batches and engines."""
    rows = table(folder / "argonne_llm_inference_bench" / "latency_in_eq_out.csv")
    return rows.with_columns(
        pl.col("quality_flags").fill_null(""),
        device=pl.format("{} x {}", "num_devices", "device"),
        power_mode=pl.lit("default"),
        precision=pl.lit("unstated"),
        phase=pl.lit(Phase.REQUEST),
        parallel=pl.col("batch"),
    )


def _cut(rows: pl.DataFrame) -> pl.Series:
    """Return which rows their source calls cut."""
    return rows["quality_flags"].str.contains("output_cut_suspected")


def cut_outputs(folder: Path) -> Known:
    """Return requests of which some passed the context of the model."""
    rows = _argonne(folder)
    return rows.select(*CANONICAL, "parallel"), _cut(rows), _none(rows)


def repeated_keys(folder: Path) -> Known:
    """Return requests of which some settings occur twice; the second is bad."""
    known = _argonne(folder)
    rows = known.select(*CANONICAL, "parallel")
    return rows, _copies(rows.drop("latency_s")), _cut(known)


def prefill_twice(folder: Path) -> Known:
    """Return MMLU phases with the prefill of every request added to its decode."""
    again = pl.col("decode_latency_s") + pl.col("prefill_latency_s")
    rows = as_phase_rows(mmlu_requests(folder).with_columns(decode_latency_s=again))
    return rows, rows["phase"] == Phase.DECODE, _copies(rows)


def milliseconds(folder: Path) -> Known:
    """Return MMLU phases with the prefills of one model in milliseconds."""
    rows = as_phase_rows(mmlu_requests(folder))
    bad = (rows["phase"] == Phase.PREFILL) & (rows["model"] == LARGEST)
    factor = pl.when(bad).then(MS_PER_S).otherwise(1.0)
    return rows.with_columns(pl.col("latency_s") * factor), bad, _copies(rows)


def wrong_energies(folder: Path, factor: float) -> Known:
    """Return the decode grid with the energies of one model in another unit."""
    rows = decode_grid(folder)
    bad = rows["model"] == LARGEST
    energy_j = pl.col("energy_j") * pl.when(bad).then(factor).otherwise(1.0)
    return rows.with_columns(energy_j), bad, _none(rows)


def duplicates(folder: Path) -> Known:
    """Return the decode grid with its first ten rows once more at the end."""
    rows = decode_grid(folder)
    twice = pl.concat((rows, rows.head(10)))
    return twice, _copies(twice), _none(twice)


def cold_start(folder: Path) -> Known:
    """Return the prefill sweep with the first prompt of every model three times as slow."""
    rows = _sweep(folder).filter(pl.col("quality_flags") != "latency_outlier").select(CANONICAL)
    bad = rows.select(pl.struct("model").is_first_distinct()).to_series()
    slower = pl.col("latency_s") * pl.when(bad).then(3.0).otherwise(1.0)
    return rows.with_columns(slower), bad, _none(rows)


CASES: tuple[Case, ...] = (
    Case("1 sampler blindness", SWEEP, ("sampler blindness",), idle_power),
    Case("2 energy from a mean power", MMLU, ("energy from a mean power",), mean_powers),
    Case("3 two rails", f"{GRID} + {MMLU}", ("two power definitions",), two_rails),
    Case("4 idle tail", GRID, ("idle tail",), idle_tails),
    Case("5 prefill counted again", MMLU + INJECTED, ("prefill counted again",), prefill_twice),
    Case("6 single outliers", SWEEP, ("single outlier",), outliers),
    Case("7 cold first request", SWEEP + INJECTED, ("cold first request",), cold_start),
    Case("8 no decode step", GRID, ("decode without a step",), no_steps),
    Case("9 requested lengths", GRID, ("round lengths",), nominal_lengths),
    Case("10 output cut", ARGONNE, ("output cut short",), cut_outputs),
    Case("12 ms for s", MMLU + INJECTED, ("unit of time",), milliseconds),
    Case(
        "12 kWh for J",
        GRID + INJECTED,
        ("unit of energy",),
        partial(wrong_energies, factor=KWH_PER_J),
    ),
    Case(
        "12 mJ for J",
        GRID + INJECTED,
        ("unit of energy",),
        partial(wrong_energies, factor=MJ_PER_J),
    ),
    Case("14 repeated keys", ARGONNE, ("repeated key",), repeated_keys),
    Case("14 duplicated rows", GRID + INJECTED, ("duplicate row",), duplicates),
    Case("none", MMLU, (), sound_requests),
)

FILE_CASES: tuple[FileCase, ...] = (
    FileCase(
        "7 cold first request",
        "samples/guidellm/guidellm_0.8.1_synchronous_MOCKSERVER.json",
        "cold first request",
        frozenset({1}),
        12,
    ),
    FileCase(
        "13 ragged lines",
        "samples/llama-bench/llama.cpp_readme_rtx4080_RAGGED_header42_rows41.csv",
        "ragged line",
        frozenset({1, 2}),
        2,
    ),
)
"""Of defect 11, a run in which every request failed, there is no public file."""
